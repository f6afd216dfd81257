"""Streams on plain connections (proto/README.md section 11): upgrades, and framing gone wrong."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route
from tests.conftest import Gateway, Start
from tests.support.client import SECONDS, RawClient, RawWorker
from tests.support.plain_worker import PATH, UPGRADE, PlainCall, connect, framed
from tests.support.scripted_worker import ScriptedWorker

TOKEN = "t" * 32
BEARER = b"Authorization: Bearer %b"
LIMIT = 4 * 1024 * 1024
HELLO = framed(
    pb.WorkerFrame(
        hello=pb.Hello(
            worker_id="w1", minor_min=1, minor_max=1, capacity=pb.Capacity(max_in_flight=8)
        )
    ).SerializeToString()
)


@pytest.fixture
async def worker(gateway: Gateway) -> AsyncIterator[PlainCall]:
    """A connection that was upgraded, on which nothing was said."""
    call = await PlainCall.open(gateway.api_port)
    yield call
    await call.close()


@asynccontextmanager
async def http(gateway: Gateway) -> AsyncIterator[RawClient]:
    """A connection to the REST port."""
    client = await RawWorker.connect(gateway.api_port)
    try:
        yield client
    finally:
        await client.close()


async def frame(worker: PlainCall) -> pb.GatewayFrame:
    """The next frame; there must be one."""
    async with asyncio.timeout(SECONDS):
        found = await worker.read()
    assert isinstance(found, pb.GatewayFrame)
    return found


async def welcomed(worker: PlainCall) -> None:
    """Say hello, and be welcomed."""
    await worker.send(HELLO)
    assert (await frame(worker)).HasField("welcome")


async def ended(worker: PlainCall, code: str) -> None:
    """The last frame has this error, and after it the connection ends."""
    assert (await frame(worker)).error.code == code
    assert await worker.closed()


# ------------------------------------------------------------ the upgrade


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (b"Connection: Upgrade",),
        (b"Upgrade: prack.v1",),
        (b"Connection: Upgrade", b"Upgrade: prack.v2"),
        (b"Connection: Upgrade", b"Upgrade: websocket"),
    ],
)
async def test_without_the_upgrade_there_is_no_stream(
    gateway: Gateway, fields: tuple[bytes, ...]
) -> None:
    async with http(gateway) as client:
        await client.get(PATH, *fields)
        response = await client.response()
        assert (response.status, response.header(b"upgrade")) == (426, b"prack.v1")
        assert response.header(b"connection") == b"Upgrade"
        assert response.header(b"content-type") == b"application/problem+json"
        assert json.loads(response.body)["code"] == "upgrade_required"
        await client.get(b"/livez")
        assert (await client.response()).status == 200


async def test_http_1_0_is_not_upgraded(gateway: Gateway) -> None:
    async with http(gateway) as client:
        lines = b"GET %b HTTP/1.0" % PATH, b"Host: localhost", *UPGRADE, b"", b""
        await client.send(b"\r\n".join(lines))
        assert (await client.response()).status == 426


async def test_an_upgrade_elsewhere_is_an_ordinary_request(gateway: Gateway) -> None:
    async with http(gateway) as client:
        await client.get(b"/livez", *UPGRADE)
        response = await client.response()
        assert (response.status, response.header(b"connection")) == (200, b"close")
        assert await client.closed()


async def test_the_requests_before_it_are_answered_first(gateway: Gateway) -> None:
    call = await PlainCall.connect(gateway.api_port)
    upgrade = b"\r\n".join((b"GET %b HTTP/1.1" % PATH, b"Host: localhost", *UPGRADE, b"", b""))
    await call.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + upgrade + HELLO)
    assert (await call.response()).status == 200
    assert (await call.head()).status == 101
    assert (await frame(call)).HasField("welcome"), "the hello came in the same segment"
    await call.close()


@pytest.mark.parametrize(
    "fields", [(), (BEARER % b"wrong",), (BEARER % TOKEN.encode(),) * 2, (b"Cookie: " + b"t" * 32,)]
)
async def test_g1_without_the_token_nothing_is_upgraded(
    start: Start, fields: tuple[bytes, ...]
) -> None:
    gateway = await start(token=TOKEN)
    async with http(gateway) as client:
        await client.get(PATH, *UPGRADE, *fields)
        await client.send(HELLO)
        assert (await client.response()).status == 401
        assert await client.closed()
    async with connect(gateway.api_port, TOKEN) as worker:
        await worker.hello()


async def test_pages_of_other_sites_open_no_stream(gateway: Gateway) -> None:
    async with http(gateway) as client:
        await client.get(PATH, *UPGRADE, b"Sec-Fetch-Site: cross-site")
        assert (await client.response()).status == 403


async def test_a_gateway_that_sends_workers_away_takes_no_more_streams(gateway: Gateway) -> None:
    async with connect(gateway.api_port) as worker:
        await worker.hello()
        await gateway.running.stream.send_away()
        assert (await worker.event("goaway")).reconnect_in_ms
        async with http(gateway) as client:
            await client.get(PATH, *UPGRADE)
            response = await client.response()
            assert (response.status, response.header(b"retry-after")) == (503, b"1")
            assert json.loads(response.body)["code"] == "draining"


# ------------------------------------------------------------ framing


async def test_frames_may_be_cut_anywhere(gateway: Gateway, worker: PlainCall) -> None:
    for byte in HELLO:
        await worker.send(bytes((byte,)))
        await asyncio.sleep(0)  # the gateway is in this loop
    assert (await frame(worker)).HasField("welcome")
    client = await gateway.client()
    await client.get(b"/")
    request = (await frame(worker)).requests[0]
    head = pb.ResponseHead(id=request.id, status=200)
    data = [pb.Data(id=request.id, data=b"%d" % number) for number in range(3)]
    frames = [pb.WorkerFrame(heads=[head]), *(pb.WorkerFrame(data=[one]) for one in data)]
    frames.append(pb.WorkerFrame(finishes=[pb.Finish(id=request.id)]))
    stream = b"".join(framed(one.SerializeToString()) for one in frames)
    await worker.send(stream[:9])
    await asyncio.sleep(0)
    await worker.send(stream[9:])
    assert (await client.response()).body == b"012"


async def test_an_empty_frame_is_a_frame(worker: PlainCall) -> None:
    await welcomed(worker)
    await worker.send(framed(b"") * 3)
    await worker.write(pb.WorkerFrame(heartbeat=pb.Heartbeat(nonce=7)))
    assert (await frame(worker)).heartbeat.echo == 7


async def test_the_largest_frame_is_taken_and_a_larger_one_ends_the_stream(
    worker: PlainCall,
) -> None:
    await welcomed(worker)
    unknown = b"\xba\x01" + b"\xfa\xff\xff\x01" + bytes(LIMIT - 6)  # field 23, to be ignored
    assert len(unknown) == LIMIT
    await worker.send(framed(unknown))
    await worker.write(pb.WorkerFrame(heartbeat=pb.Heartbeat(nonce=7)))
    assert (await frame(worker)).heartbeat.echo == 7
    await worker.send((LIMIT + 1).to_bytes(4, "big"))
    await ended(worker, "bad_frame")


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (framed(b""), "hello_expected"),
        (framed(b"\xff\xff\xff"), "bad_frame"),
        (b"\xff\xff\xff\xff", "bad_frame"),
        (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", "bad_frame"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "bad_frame"),  # TLS
    ],
)
async def test_what_is_no_hello_ends_the_stream(worker: PlainCall, first: bytes, code: str) -> None:
    await worker.send(first)
    await ended(worker, code)


async def test_the_error_reaches_a_worker_that_goes_on_sending(worker: PlainCall) -> None:
    await welcomed(worker)
    await worker.send(b"\xff\xff\xff\xff" + bytes(LIMIT // 4))
    await ended(worker, "bad_frame")


async def test_what_came_before_a_bad_frame_counts(gateway: Gateway, worker: PlainCall) -> None:
    await welcomed(worker)
    client = await gateway.client()
    await client.get(b"/")
    request = (await frame(worker)).requests[0]
    head = pb.ResponseHead(id=request.id, status=200, body=b"last words", end=True)
    answer = framed(pb.WorkerFrame(heads=[head]).SerializeToString())
    await worker.send(answer + b"\xff\xff\xff\xff")
    await ended(worker, "bad_frame")
    assert (await client.response()).body == b"last words"


@pytest.mark.parametrize("half", [False, True], ids=["reset", "half-close"])
async def test_a_stream_that_ends_in_a_frame_is_a_lost_worker(
    gateway: Gateway, worker: PlainCall, half: bool
) -> None:
    await welcomed(worker)
    client = await gateway.client()
    await client.get(b"/", method=b"POST")
    assert (await frame(worker)).requests
    await worker.send(HELLO[:-1])
    if half:
        await worker.done_writing()
    else:
        worker.reset()
    response = await client.response()
    assert (response.status, json.loads(response.body)["code"]) == (502, "worker_lost")
    assert await worker.closed()


# ------------------------------------------------------------ a worker that reads nothing

COUNT = 128
BODY = bytes(60 * 1024)  # so many are far more than socket buffers hold


async def stand_still(worker: ScriptedWorker) -> None:
    """It asks for much, and reads nothing."""
    sock: socket.socket = worker.call.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await worker.hello("still", slots=COUNT)
    worker.call.reader._transport.pause_reading()


async def overfilled(gateway: Gateway) -> list[RawClient]:
    """The clients of a worker that stands still."""
    sessions = gateway.core.queue.sessions
    (session,) = sessions
    clients = [await gateway.client() for _ in range(COUNT)]
    await asyncio.gather(*(client.post(BODY) for client in clients))
    await until(lambda: len(session.held) == COUNT or session not in sessions)
    return clients


async def until(condition: Callable[[], bool]) -> None:
    """Wait until this is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0.01)


async def unwritten_are_served(gateway: Gateway, clients: list[RawClient]) -> None:
    """What was written is lost, as POST may not be repeated; another worker gets the rest."""
    replies = [asyncio.create_task(client.response()) for client in clients]
    served = 0
    async with connect(gateway.api_port) as other:
        await other.hello("other", slots=COUNT)
        while not all(reply.done() for reply in replies):
            while other.seen("requests"):
                request = await other.event("requests")
                assert (request.attempt, request.body) == (1, BODY)
                await other.answer(request)
                served += 1
            await asyncio.sleep(0.01)
    assert 0 < served < COUNT
    statuses = [(await reply).status for reply in replies]
    assert sorted(statuses) == [200] * served + [502] * (COUNT - served)


async def test_what_was_never_written_to_a_lost_worker_goes_to_another(gateway: Gateway) -> None:
    async with connect(gateway.api_port) as still:
        await stand_still(still)
        clients = await overfilled(gateway)
    await unwritten_are_served(gateway, clients)


async def test_g18_a_worker_that_speaks_but_does_not_read_is_given_up(start: Start) -> None:
    gateway = await start(max_silence=1)
    async with connect(gateway.api_port) as still:
        await stand_still(still)
        overfilling = asyncio.create_task(overfilled(gateway))
        async with asyncio.timeout(SECONDS):
            while gateway.core.queue.sessions or not overfilling.done():
                await still.send(heartbeat=pb.Heartbeat())
                await asyncio.sleep(0.01)
    await unwritten_are_served(gateway, await overfilling)


async def test_a_full_table_of_routes_may_have_room_later(gateway: Gateway) -> None:
    table = gateway.core.queue.tables[Kind.HTTP]
    while len(table) < gateway.core.limits.max_routes:
        table.add(Route("", f"/{len(table)}"), 0.0)
    async with connect(gateway.api_port) as worker:
        capacity, routes = pb.Capacity(max_in_flight=1), [pb.Route(path="/new")]
        hello = pb.Hello(worker_id="w", minor_min=1, minor_max=1, capacity=capacity, routes=routes)
        await worker.send(hello=hello)
        error = await worker.event("error")
        assert (error.code, error.retry) == ("too_many_routes", True)
