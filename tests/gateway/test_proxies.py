"""Clients behind trusted proxies, and what load balancers need, over real sockets."""

import asyncio
import logging

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway, Start
from tests.support.frames import open_socket
from tests.support.scripted_worker import ScriptedWorker, connect

LOOPBACK = "127.0.0.1"
SAID = [
    ((b"x-forwarded-for: 203.0.113.7:17085", b"x-forwarded-proto: HTTPS"), "203.0.113.7"),
    ((b"x-forwarded-for: [2001:DB8::1]:80", b"x-forwarded-proto: wss"), "2001:db8::1"),
    ((b"x-forwarded-for: 6.6.6.6, 203.0.113.7, 127.0.0.1:9", b"x-forwarded-proto: https,http"),
     "203.0.113.7"),
    ((b'forwarded: for="203.0.113.7:17085";proto=https',), "203.0.113.7"),
    ((b'forwarded: for=6.6.6.6, For="203.0.113.7";Proto=WSS, for="127.0.0.1:9"',), "203.0.113.7"),
    ((b"x-forwarded-for: 203.0.113.7, 127.0.0.01", b"x-forwarded-proto: https"), LOOPBACK),
]  # fmt: skip
HANDSHAKES = [
    (b"content-length: 0",),
    (b"cookie: a=" + b"c" * 60_000,),
    (b"authorization: Bearer " + b"t" * 20_000, b"cookie: a=" + b"c" * 20_000),
    tuple(b"x-%d: a" % number for number in range(190)),
]


async def answered(gateway: Gateway, worker: ScriptedWorker, *fields: bytes) -> pb.Request:
    """What a worker is given for a request with these."""
    client = await gateway.client()
    await client.get(b"/", *fields)
    request: pb.Request = await worker.event("requests")
    await worker.answer(request)
    assert (await client.response()).status == 200
    return request


@pytest.mark.parametrize(("fields", "address"), SAID)
async def test_workers_and_the_log_know_the_client_behind_a_proxy(
    start: Start, caplog: pytest.LogCaptureFixture, fields: tuple[bytes, ...], address: str
) -> None:
    caplog.set_level(logging.INFO, "prack.access")
    gateway = await start(trusted_proxies=LOOPBACK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        request = await answered(gateway, worker, *fields)
        assert (request.client.ip, request.scheme) == (address, b"https")
        sent = dict(zip(request.headers[::2], request.headers[1::2], strict=True))
        assert sent[b"x-forwarded-proto"] == b"https"
        assert sent[b"x-forwarded-for"].endswith(b", 127.0.0.1") or address == LOOPBACK
        (line,) = [vars(one) for one in caplog.records if one.name == "prack.access"]
        assert line["client"] == address


async def test_a_stranger_is_not_believed_in_any_spelling(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        request = await answered(gateway, worker, *SAID[0][0], b"x-forwarded-prefix: /x")
        assert (request.client.ip, request.scheme) == (LOOPBACK, b"http")
        assert b"x-forwarded-prefix" not in request.headers


async def test_the_client_of_a_refused_request_is_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prack.access")
    gateway = await start(trusted_proxies=LOOPBACK, queue_timeout=0.05)
    client = await gateway.client()
    await client.get(b"/", b"x-forwarded-for: 203.0.113.7")
    assert (await client.response()).status == 503
    await open_socket(await gateway.client(), b"/", b"x-forwarded-for: 203.0.113.8")
    lines = [vars(one) for one in caplog.records if one.name == "prack.access"]
    assert [line["client"] for line in lines] == ["203.0.113.7", "203.0.113.8"]


@pytest.mark.parametrize("fields", HANDSHAKES, ids=range(len(HANDSHAKES)))
async def test_a_handshake_may_have_as_large_a_head_as_any_request(
    gateway: Gateway, fields: tuple[bytes, ...]
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        client = await gateway.client()
        opening = asyncio.create_task(open_socket(client, b"/chat", *fields))
        request = await worker.event("requests")
        assert b"content-length" not in request.headers
        assert not request.end
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await opening).status == 101


async def test_a_handshake_that_is_larger_is_refused(gateway: Gateway) -> None:
    client = await gateway.client()
    response = await open_socket(client, b"/", b"cookie: a=" + b"c" * 66_000)
    assert response.status == 431


async def test_an_idle_connection_lasts_as_long_as_the_setting_says(start: Start) -> None:
    gateway = await start(keep_alive=0.1)
    client = await gateway.client()
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204
    assert await client.closed()
