"""The public port over real sockets, with a worker that answers by script."""

import asyncio
import json

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway, Start
from tests.support.scripted_worker import connect

METHODS = [b"GET", b"PUT", b"DELETE", b"PATCH", b"PURGE", b"PROPFIND", b"QUERY", b"OPTIONS"]
TARGETS = [
    b"/",
    b"//",
    b"/a%2Fb/%zz/%00/%ff",
    b"/docs",
    b"/openapi.json",
    b"/api/v1/request",
    b"/%0A",
    b"/a/../b/./c;x=1",
    b"/q?",
    b"/q?a=1&a=2&%20",
]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_belongs_to_the_workers(gateway: Gateway, method: bytes) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/x", method=method)
        request = await worker.event("requests")
        assert request.method == method
        await worker.answer(request)
        assert (await client.response()).status == 200


@pytest.mark.parametrize("target", TARGETS)
async def test_every_path_reaches_the_worker_byte_for_byte(gateway: Gateway, target: bytes) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(target)
        request = await worker.event("requests")
        assert request.target == target
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_the_gateways_own_errors_say_so_and_why(start: Start) -> None:
    gateway = await start(queue_timeout=0.05)
    client = await gateway.client()
    await client.get(b"/")
    response = await client.response()
    assert response.status == 503
    assert response.header(b"content-type") == b"application/problem+json"
    assert response.header(b"cache-control") == b"no-store"
    assert response.header(b"retry-after") == b"5"
    status = b"prack; error=destination_unavailable; details=no_workers"
    assert response.header(b"proxy-status") == status
    problem = json.loads(response.body)
    assert problem["code"] == "no_workers"
    assert problem["type"] == "urn:prack:error:no_workers"
    assert problem["request_id"].encode() == response.header(b"x-request-id")


async def test_busy_workers_are_another_503_than_none(start: Start) -> None:
    gateway = await start(queue_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        busy, waiting = await gateway.client(), await gateway.client()
        await busy.get(b"/busy")
        request = await worker.event("requests")
        await waiting.get(b"/waiting")
        response = await waiting.response()
        assert (response.status, json.loads(response.body)["code"]) == (503, "queue_timeout")
        await worker.answer(request)
        assert (await busy.response()).status == 200


async def test_a_worker_that_does_not_answer_is_504_and_is_told(start: Start) -> None:
    gateway = await start(head_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/")
        request = await worker.event("requests")
        assert request.deadline_ms <= 50
        response = await client.response()
        assert (response.status, json.loads(response.body)["code"]) == (504, "deadline")
        cancel = await worker.event("cancels")
        assert (cancel.id, cancel.reason) == (request.id, pb.CANCEL_REASON_DEADLINE)


async def test_a_response_that_stands_still_is_cut(start: Start) -> None:
    gateway = await start(idle_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"half")])
        assert (await client.head()).status == 200
        assert await client.chunk() == b"half"
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunk()


async def test_p88_a_full_queue_refuses_without_reading_the_body(start: Start) -> None:
    gateway = await start(queue_requests=1)
    first, second = await gateway.client(), await gateway.client()
    await first.get(b"/")
    await second.get(b"/", b"content-length: 100000000", method=b"POST")
    response = await second.response()
    assert (response.status, json.loads(response.body)["code"]) == (503, "queue_full")
    assert response.header(b"connection") == b"close"


async def test_a_connection_serves_one_request_after_the_other(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        for number in range(3):
            await client.post(b"%d" % number)
            request = await worker.event("requests")
            await worker.answer(request, body=request.body)
            assert (await client.response()).body == b"%d" % number


async def test_p71_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        one = b"GET /%d HTTP/1.1\r\nhost: test\r\n\r\n"
        await client.send(one % 1 + one % 2)
        for number in (1, 2):
            request = await worker.event("requests")
            assert request.target == b"/%d" % number
            await worker.answer(request, body=request.target)
            assert (await client.response()).body == b"/%d" % number


async def test_p73_a_client_that_leaves_with_a_request_behind_is_noticed(
    gateway: Gateway,
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n" * 2)
        request = await worker.event("requests")
        client.reset()
        assert (await worker.event("cancels")).id == request.id


async def test_a_small_body_takes_no_slot_before_it_is_complete(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        slow, quick = await gateway.client(), await gateway.client()
        await slow.get(b"/slow", b"content-length: 4", method=b"POST")
        await quick.get(b"/quick")
        request = await worker.event("requests")
        assert request.target == b"/quick"
        await worker.answer(request)
        assert (await quick.response()).status == 200
        await slow.send(b"body")
        request = await worker.event("requests")
        assert (request.target, request.body, request.end) == (b"/slow", b"body", True)
        await worker.answer(request)
        assert (await slow.response()).status == 200


async def test_a_chunked_body_is_streamed_and_its_length_unknown(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/", b"transfer-encoding: chunked", method=b"POST")
        request = await worker.event("requests")
        assert (request.body_length, request.end) == (-1, False)
        await client.send(b"3\r\nabc\r\n")
        assert (await worker.event("data")).data == b"abc"
        await client.send(b"0\r\n\r\n")
        assert (await worker.event("finishes")).id == request.id
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_s8_a_body_that_ends_early_is_never_complete(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/", b"content-length: 100000", method=b"POST")
        request = await worker.event("requests")
        await client.send(b"only this")
        client.reset()
        assert (await worker.event("cancels")).id == request.id
        assert not worker.seen("finishes")


async def test_routes_send_requests_to_the_most_specific_worker(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as any_, connect(gateway.grpc_port) as cart:
        await any_.hello("any")
        await cart.hello("cart", routes=[pb.Route(path="/cart")])
        client = await gateway.client()
        for target, worker in ((b"/cart/1", cart), (b"/cartoon", any_), (b"/cart?x", cart)):
            await client.get(target)
            request = await worker.event("requests")
            assert request.target == target
            await worker.answer(request)
            assert (await client.response()).status == 200


async def test_what_waited_for_anyone_goes_to_a_new_and_better_route(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.get(b"/cart")
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(routes=[pb.Route(path="/cart")])
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200
