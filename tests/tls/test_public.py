"""Requests and responses of the public port over TLS."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect as open_websocket

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.limits import MIB
from prack_grpc.gateway.http.limits import ConnectionLimits
from tests.conftest import Gateway, Start
from tests.support.certificates import Authority, Issued
from tests.support.client import Cut
from tests.support.scripted_worker import connect
from tests.tls.conftest import secure


@pytest.fixture
async def gateway(start: Start, shown: Issued) -> Gateway:
    """A gateway with TLS on its public port."""
    return await start(**shown.settings())


async def test_the_worker_is_told_that_it_was_https(gateway: Gateway, authority: Authority) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await secure(gateway, authority)
        for number in range(2):
            await client.post(b"%d" % number)
            request = await worker.event("requests")
            fields = dict(zip(request.headers[::2], request.headers[1::2], strict=True))
            assert (request.scheme, fields[b"x-forwarded-proto"]) == (b"https", b"https")
            assert fields[b"forwarded"].endswith(b";proto=https")
            await worker.answer(request, request.body)
            assert (await client.response()).body == b"%d" % number


async def test_a_websocket_is_one_over_tls(gateway: Gateway, authority: Authority) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        url = f"wss://localhost:{gateway.port}/"
        opening = asyncio.ensure_future(
            open_websocket(url, host="127.0.0.1", ssl=authority.client(), proxy=None)
        )
        request = await worker.event("requests")
        assert (request.scheme, request.upgrade) == (b"https", pb.UPGRADE_WEBSOCKET)
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        async with await opening as client:
            await client.send("one")
            data = await worker.event("data")
            assert b"one" in data.data


async def test_large_bodies_pass_both_ways(gateway: Gateway, authority: Authority) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(limits={"initial_window": 8 * MIB})
        client = await secure(gateway, authority)
        sending = asyncio.create_task(client.post(bytes(4 * MIB)))
        request = await worker.event("requests")
        received = len(request.body)
        while received < 4 * MIB:
            received += len((await worker.event("data")).data)
        await sending
        answering = asyncio.create_task(worker.stream(request, 4 * MIB, finish=True))
        assert len((await client.response()).body) == 4 * MIB
        await answering


async def test_a_refused_upload_reads_its_answer(
    start: Start, shown: Issued, authority: Authority
) -> None:
    gateway = await start(max_body=1, **shown.settings())
    client = await secure(gateway, authority)
    await client.get(b"/", b"content-length: %d" % MIB, method=b"POST")
    await client.send(bytes(MIB // 2))
    response = await client.response()
    assert (response.status, json.loads(response.body)["status"]) == (413, 413)
    assert await client.closed()


async def test_a_response_that_breaks_off_is_cut(gateway: Gateway, authority: Authority) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await secure(gateway, authority)
        await client.get()
        request = await worker.event("requests")
        await worker.stream(request, 10)
        await client.head()
        await client.chunk()
        await worker.close()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunk()


async def test_a_client_that_reads_nothing_is_disconnected(
    start: Start, shown: Issued, authority: Authority
) -> None:
    gateway = await start(ConnectionLimits(write_seconds=0.2), **shown.settings())
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await secure(gateway, authority)
        await client.get()
        client.stop_reading()
        request = await worker.event("requests")
        answering = asyncio.create_task(worker.stream(request, 64 * MIB))
        await worker.event("cancels", seconds=20)
        answering.cancel()


async def test_an_idle_connection_is_closed(
    start: Start, shown: Issued, authority: Authority
) -> None:
    gateway = await start(ConnectionLimits(keep_alive_seconds=0.1), **shown.settings())
    client = await secure(gateway, authority)
    await client.get(b"*", method=b"OPTIONS")
    await client.response()
    assert await client.closed()


async def test_a_client_that_leaves_takes_its_request_with_it(
    gateway: Gateway, authority: Authority
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await secure(gateway, authority)
        await client.get()
        request = await worker.event("requests")
        await client.close()
        assert (await worker.event("cancels")).id == request.id
        with pytest.raises(Cut):
            await client.response()
