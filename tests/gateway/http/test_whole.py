"""Requests that are here whole when they are parsed, over real sockets: one packet each."""

import json

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway, Start
from tests.support.scripted_worker import connect

GET = b"GET /%d HTTP/1.1\r\nhost: test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: test\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"

# One packet, and the body and its length as the worker hears of them.
WHOLE = {
    "no body": (GET % 1, b"", 0),
    "a body of known length": (POST + b"content-length: 5\r\n\r\nhello", b"hello", 5),
    "chunks": (CHUNKED + b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!", -1),
    "no chunks": (CHUNKED + b"0\r\n\r\n", b"", 0),
}


@pytest.mark.parametrize(("packet", "body", "length"), WHOLE.values(), ids=WHOLE.keys())
async def test_the_worker_gets_all_of_it_at_once(
    gateway: Gateway, packet: bytes, body: bytes, length: int
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(packet)
        request = await worker.event("requests")
        assert (request.body, request.end, request.body_length) == (body, True, length)
        await worker.answer(request)
        assert (await client.response()).body == b"ok"


async def test_many_in_one_packet_are_answered_in_order(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(b"".join(GET % number for number in range(20)))
        for number in range(20):
            request = await worker.event("requests")
            assert request.target == b"/%d" % number
            await worker.answer(request, body=request.target)
        for number in range(20):
            assert (await client.response()).body == b"/%d" % number


async def test_a_bad_chunk_behind_a_good_head_reaches_no_worker(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(CHUNKED + b"5\r\nhelloX")
        assert (await client.response()).status == 400
        await (await gateway.client()).send(GET % 7)
        assert (await worker.event("requests")).target == b"/7"


async def test_a_refused_one_leaves_its_connection_as_it_is(start: Start) -> None:
    gateway = await start(queue_requests=1)
    first, second = await gateway.client(), await gateway.client()
    await first.send(GET % 1)
    for _ in range(2):
        await second.send(GET % 2)
        response = await second.response()
        assert (response.status, json.loads(response.body)["code"]) == (503, "queue_full")
        assert response.header(b"connection") is None
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        await worker.answer(await worker.event("requests"))
        assert (await first.response()).status == 200


async def test_a_body_past_the_limit_is_refused_though_it_is_here(start: Start) -> None:
    gateway = await start(max_body=4)
    client = await gateway.client()
    await client.send(POST + b"content-length: 5\r\n\r\nhello")
    assert (await client.response()).status == 413


async def test_an_early_hint_and_a_stream_follow_all_the_same(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(GET % 1)
        number = (await worker.event("requests")).id
        await worker.send(heads=[pb.ResponseHead(id=number, status=103, headers=[b"link", b"a"])])
        assert (await client.head()).status == 103
        await worker.send(heads=[pb.ResponseHead(id=number, status=200, body=b"one")])
        response = await client.head()
        assert await client.chunk() == b"one"
        await worker.send(data=[pb.Data(id=number, data=b"two")], finishes=[pb.Finish(id=number)])
        assert (response.status, await client.chunk(), await client.chunk()) == (200, b"two", b"")


async def test_a_client_that_leaves_has_its_worker_told(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(GET % 1)
        request = await worker.event("requests")
        client.reset()
        assert (await worker.event("cancels")).id == request.id


PIECES = {
    "whole": (GET % 1,),
    "a body in two packets": (POST + b"content-length: 5\r\n\r\nhe", b"llo"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES.keys())
async def test_a_client_that_leaves_is_noticed_behind_another_request_of_its(
    gateway: Gateway, pieces: tuple[bytes, ...], stream: bool
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        for piece in pieces:
            await client.send(piece)
        await client.send(GET % 2)
        first = await worker.event("requests")
        if stream:
            await worker.send(heads=[pb.ResponseHead(id=first.id, status=200, body=b"one")])
            await worker.send(finishes=[pb.Finish(id=first.id)])
        else:
            await worker.answer(first)
        second = await worker.event("requests")
        assert second.target == b"/2"
        client.reset()
        assert (await worker.event("cancels")).id == second.id
