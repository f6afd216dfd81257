"""Exchanges over the gRPC stream, as the client and the worker see them."""

import asyncio

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway
from tests.stream.conftest import Connect
from tests.support.client import Cut
from tests.support.scripted_worker import ScriptedWorker

CHUNK = 64 * 1024
WINDOW = 512 * 1024


async def test_a_small_exchange_is_one_event_each_way(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.post(b"ping", b"/a%20b?x=1", b"x-one: 1", b"X-Two: 2", b"x-one: 3")
        request = await worker.event("requests")
        assert (request.method, request.target) == (b"POST", b"/a%20b?x=1")
        assert (request.body, request.end, request.body_length) == (b"ping", True, 4)
        parts = iter(request.headers)
        headers = list(zip(parts, parts, strict=True))
        assert headers[:5] == [
            (b"host", b"test"),
            (b"content-length", b"4"),
            (b"x-one", b"1"),
            (b"x-two", b"2"),
            (b"x-one", b"3"),
        ]
        fields = [b"set-cookie", b"a=1", b"Set-Cookie", b"b=2", b"x-r", b"\xe9"]
        head = pb.ResponseHead(id=request.id, status=201, headers=fields, body=b"pong", end=True)
        await worker.send(heads=[head])
        response = await client.response()
        assert (response.status, response.body) == (201, b"pong")
        assert response.headers[:4] == [
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"x-r", b"\xe9"),
            (b"content-length", b"4"),
        ]
        assert [name for name, _ in response.headers].count(b"date") == 1


async def test_a_request_that_waited_is_handed_to_the_first_worker(
    gateway: Gateway, connect: Connect
) -> None:
    client = await gateway.client()
    await client.get(b"/early")
    async with connect(gateway) as worker:
        await worker.hello()
        request = await worker.event("requests")
        assert request.target == b"/early"
        await worker.answer(request)
        assert (await client.response()).body == b"ok"


async def test_slots_are_never_exceeded_and_the_order_is_kept(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        clients = []
        for number in range(50):
            clients.append(await gateway.client())
            await clients[-1].get(b"/%d" % number)
        for number in range(50):
            request = await worker.event("requests")
            assert request.id == number + 1
            await worker.answer(request, body=request.target)
        for number, client in enumerate(clients):
            response = await client.response()
            if number == 0:
                assert response.body == b"/0"
        assert not gateway.core.exchanges


async def test_a_streamed_response_reaches_the_client_chunk_by_chunk(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/stream")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        head = await client.head()
        assert head.header(b"transfer-encoding") == b"chunked"
        for number in range(3):
            await worker.send(data=[pb.Data(id=request.id, data=b"part %d" % number)])
            assert await client.chunk() == b"part %d" % number
        await worker.send(finishes=[pb.Finish(id=request.id)])
        assert await client.chunk() == b""


async def test_a_large_upload_is_held_back_by_the_workers_window(
    gateway: Gateway, connect: Connect
) -> None:
    body = bytes(range(256)) * 4096  # 1 MiB
    async with connect(gateway) as worker:
        await worker.hello(limits=pb.Limits(initial_window=100_000))
        client = await gateway.client()
        upload = asyncio.create_task(client.post(body))
        request = await worker.event("requests")
        assert not request.end
        assert request.body_length == len(body)
        received, granted = request.body, 100_000
        while len(received) < len(body):
            while len(received) < min(granted, len(body)):
                data = await worker.event("data")
                assert len(data.data) <= CHUNK
                received += data.data
            assert len(received) <= granted
            granted += 50_000
            await worker.send(windows=[pb.Window(id=request.id, max_offset=granted)])
        assert (await worker.event("finishes")).id == request.id
        assert received == body
        await upload
        await worker.answer(request)
        assert (await client.response()).status == 200


async def fill(worker: ScriptedWorker, request: pb.Request) -> int:
    """Send body bytes for as long as they are granted. Returns their number."""
    sent, granted = 0, WINDOW
    while True:
        while sent < granted:
            await worker.send(data=[pb.Data(id=request.id, data=bytes(CHUNK))])
            sent += CHUNK
        try:
            granted = (await worker.event("windows", seconds=0.5)).max_offset
        except TimeoutError:
            return sent


async def test_a_client_that_reads_nothing_stops_the_grants_but_no_one_else(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        slow = await gateway.client()
        slow.stop_reading()
        await slow.get(b"/slow")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        assert await fill(worker, request) < 64 * CHUNK * 16, "no more than the buffers take"
        quick = await gateway.client()
        await quick.get(b"/quick")
        await worker.answer(await worker.event("requests"))
        assert (await quick.response()).status == 200
        slow.reset()
        cancel = await worker.event("cancels")
        assert (cancel.id, cancel.reason) == (request.id, pb.CANCEL_REASON_CLIENT_GONE)


async def test_a_client_that_leaves_the_queue_leaves_nothing_behind(
    gateway: Gateway, connect: Connect
) -> None:
    client = await gateway.client()
    await client.get(b"/gone")
    stays = await gateway.client()
    await stays.get(b"/stays")
    client.reset()
    async with connect(gateway) as worker:
        # The reset is seen before the worker's hello, which takes several round trips.
        await worker.hello()
        request = await worker.event("requests")
        assert request.target == b"/stays"
        await worker.answer(request)
        assert (await stays.response()).status == 200


async def test_a_cancelled_exchange_keeps_its_slot_until_the_worker_lets_go(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client = await gateway.client()
        await client.get(b"/first")
        first = await worker.event("requests")
        client.reset()
        assert (await worker.event("cancels")).id == first.id
        other = await gateway.client()
        await other.get(b"/second")
        # What comes late is dropped silently; only the end gives the slot back.
        await worker.send(heads=[pb.ResponseHead(id=first.id, status=200)])
        await worker.send(data=[pb.Data(id=first.id, data=b"late")])
        await worker.send(aborts=[pb.Abort(id=first.id, code=pb.ABORT_CODE_CANCELLED)])
        second = await worker.event("requests")
        assert second.target == b"/second"
        await worker.answer(second)
        assert (await other.response()).status == 200


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_lost_worker_is_502_before_the_head_and_a_cut_after_it(
    gateway: Gateway, streaming: bool, connect: Connect
) -> None:
    client = await gateway.client()
    async with connect(gateway) as worker:
        await worker.hello()
        await client.get(b"/", method=b"POST")
        request = await worker.event("requests")
        if streaming:
            await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"half")])
            assert (await client.head()).status == 200
            assert await client.chunk() == b"half"
    if streaming:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunk()
    else:
        response = await client.response()
        assert response.status == 502
        assert b'"worker_lost"' in response.body


ABORTS = [
    (pb.ABORT_CODE_HANDLER_ERROR, 502, b"worker_error"),
    (pb.ABORT_CODE_UNSPECIFIED, 502, b"worker_error"),
    (pb.ABORT_CODE_TIMED_OUT, 504, b"deadline"),
    (pb.ABORT_CODE_UNSUPPORTED, 501, b"unsupported"),
]


@pytest.mark.parametrize(("code", "status", "name"), ABORTS)
async def test_an_abort_before_the_head_has_its_status(
    gateway: Gateway, code: pb.AbortCode.ValueType, status: int, name: bytes, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/")
        request = await worker.event("requests")
        await worker.send(aborts=[pb.Abort(id=request.id, code=code, message="secret")])
        response = await client.response()
        assert response.status == status
        assert name in response.body
        assert b"secret" not in response.body


async def test_a_refused_request_goes_to_another_worker_at_most_three_times(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client = await gateway.client()
        await client.post(b"body")
        for attempt in (1, 2, 3):
            request = await worker.event("requests")
            assert (request.attempt, request.body, request.end) == (attempt, b"body", True)
            await worker.send(aborts=[pb.Abort(id=request.id, code=pb.ABORT_CODE_REFUSED)])
        response = await client.response()
        assert response.status == 503
        assert b'"refused"' in response.body


BODIES = [
    ("short", 6, b"hello"),
    ("long", 4, b"hello"),
]


@pytest.mark.parametrize(("_name", "length", "body"), BODIES)
async def test_a_wrong_content_length_never_looks_complete(
    gateway: Gateway, _name: str, length: int, body: bytes, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/")
        request = await worker.event("requests")
        fields = [b"content-length", b"%d" % length]
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, headers=fields)])
        await worker.send(data=[pb.Data(id=request.id, data=body)])
        await worker.send(finishes=[pb.Finish(id=request.id)])
        with pytest.raises(Cut):
            await client.response()


async def test_a_head_request_gets_no_body_however_much_the_worker_sends(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client = await gateway.client()
        await client.get(b"/", method=b"HEAD")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        assert (await client.response(bodiless=True)).status == 200
        for _ in range(8):
            await worker.send(data=[pb.Data(id=request.id, data=bytes(CHUNK // 2))])
        assert (await worker.event("windows")).id == request.id
        await worker.send(finishes=[pb.Finish(id=request.id)])
        await client.get(b"/next")
        request = await worker.event("requests")
        await worker.answer(request)
        assert (await client.response()).body == b"ok"
