"""No upload keeps the loop to itself, however small its chunks are. With a canary beside it."""

import asyncio

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http import reader
from tests.conftest import Gateway
from tests.support.canary import canary, flood, running
from tests.support.scripted_worker import connect

CHUNKED = b"POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = b"1\r\na\r\n"
LAST = b"0\r\n\r\n"


async def test_tiny_chunks_leave_the_others_their_turn(gateway: Gateway) -> None:
    async with canary(gateway) as bird, connect(gateway.grpc_port) as worker:
        await worker.hello(limits=pb.Limits(initial_window=1 << 30))
        client = await gateway.client()
        await client.send(CHUNKED)
        async with running(flood(client, CHUNK * 40_000)):
            await bird.answers(50)
        assert (await worker.event("data")).data.strip(b"a") == b""  # they are passed on
        client.reset()


async def test_tiny_chunks_all_arrive_and_so_does_what_is_behind_them(gateway: Gateway) -> None:
    count = 5 * reader.TURN + 1
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(limits=pb.Limits(initial_window=1 << 30))
        client = await gateway.client()
        behind = b"GET /behind HTTP/1.1\r\nhost: test\r\n\r\n"
        await client.send(CHUNKED + CHUNK * count + LAST + behind)
        request = await worker.event("requests")
        body, finished = request.body, request.end
        while not finished:
            if not worker.seen("data") and not worker.seen("finishes"):
                await worker.changed()
            while worker.seen("data"):
                body += (await worker.event("data")).data
            finished = bool(worker.seen("finishes"))
        assert body == b"a" * count
        await worker.answer(request)
        assert (await client.response()).status == 200
        request = await worker.event("requests")
        assert request.target == b"/behind"
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_a_client_that_leaves_between_two_turns_is_gone(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(limits=pb.Limits(initial_window=1 << 30))
        client = await gateway.client()
        await client.send(CHUNKED + CHUNK * 4_000)
        await worker.event("requests")
        client.reset()
        assert (await worker.event("cancels")).reason == pb.CANCEL_REASON_CLIENT_GONE
    async with asyncio.timeout(10):
        while gateway.connections():  # noqa: ASYNC110 - nothing tells of a connection's end
            await asyncio.sleep(0.005)


async def test_what_nobody_asked_for_is_not_the_next_request(gateway: Gateway) -> None:
    client = await gateway.client()
    expect = b"content-length: 40\r\nexpect: 100-continue\r\n\r\n"
    await client.send(b"OPTIONS * HTTP/1.1\r\nhost: test\r\n" + expect)
    response = await client.response(bodiless=True)
    assert (response.status, response.header(b"connection")) == (204, b"close")
    assert await client.closed()


async def test_what_nobody_asked_for_is_no_request_on_the_worker_port_either(
    gateway: Gateway,
) -> None:
    client = await type(await gateway.client()).connect(gateway.api_port)
    gateway.clients.append(client)
    expect = b"content-length: 40\r\nexpect: 100-continue\r\n\r\n"
    await client.send(b"POST /nothing HTTP/1.1\r\nhost: localhost\r\n" + expect)
    response = await client.response()
    assert (response.status, response.header(b"connection")) == (404, b"close")
    assert await client.closed()
