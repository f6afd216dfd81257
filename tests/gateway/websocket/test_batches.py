"""WebSockets over REST workers: the `websockets` client outside, batches of events inside."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from prack_grpc.composition.service import Service
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.websocket import batches
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry import complaint
from prack_wire import websocket_events as events
from prack_wire.websocket_events import Event
from tests.conftest import Gateway, Start
from tests.gateway.websocket.test_exchange import SECONDS, Socket, closed, hello, websocket
from tests.support.events_worker import MEDIA, Batch, EventsWorker, close, events_worker, text
from tests.support.scripted_worker import connect

OPEN, DISCONNECT = Event(events.OPEN), Event(events.DISCONNECT)


@pytest.fixture
async def worker(gateway: Gateway) -> AsyncIterator[EventsWorker]:
    async with events_worker(gateway.api_port) as worker:
        yield worker


async def opened(
    gateway: Gateway, worker: EventsWorker, *said: Event, **headers: str
) -> tuple[ClientConnection, Batch]:
    """A WebSocket that the worker has accepted, and the handshake as it saw it."""
    opening = asyncio.create_task(websocket(gateway))
    batch = await worker.accept(*said, **headers)
    return await opening, batch


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0)


async def settled(gateway: Gateway) -> None:
    """Wait until no exchange is open."""
    await until(lambda: not gateway.core.exchanges)


async def sessions(gateway: Gateway, number: int) -> None:
    """Wait until so many workers are there."""
    await until(lambda: len(gateway.core.queue.sessions) == number)


async def left(worker: EventsWorker) -> list[Event]:
    """All that the worker is still told, in one batch."""
    return (await worker.batch()).events


# ---------------------------------------------------------------- handshake


async def test_a_handshake_is_a_batch(gateway: Gateway, worker: EventsWorker) -> None:
    options: dict[str, Any] = {
        "subprotocols": ["b", "a"],
        "additional_headers": {
            "cookie": "c=1",
            "connection-id": "mine",
            "meta-user": "root",
            "content-type": "text/plain",
            "idempotency-key": "k",
        },
    }
    opening = asyncio.create_task(websocket(gateway, "/chat?room=1", **options))
    batch = await worker.batch()
    environment = batch.environment
    assert (environment["REQUEST_METHOD"], environment["prack.target"]) == ("POST", "/chat?room=1")
    assert environment["prack.websocket"] == "events"
    assert batch.body == b"OPEN\r\n"
    assert environment["CONTENT_LENGTH"] == "6"
    assert batch.header("content-type") == batch.header("accept") == MEDIA
    assert batch.header("cookie") == "c=1"
    assert batch.header("sec-websocket-protocol") == "b, a"
    assert batch.header("connection-id") not in (None, "mine")
    for name in ("meta-user", "idempotency-key", "upgrade", "connection", "sec-websocket-key"):
        assert batch.header(name) is None
    await batch.answer(
        OPEN, sec_websocket_protocol="a", x_one="1", set_meta_user="7", keep_alive_interval="60"
    )
    async with await opening as client:
        assert client.subprotocol == "a"
        assert client.response is not None
        shown = client.response.headers
        assert shown["x-one"] == "1"
        assert not {"set-meta-user", "keep-alive-interval", "content-type", "content-length"} & {
            name.lower() for name in shown
        }
        client.transport.abort()
    assert await left(worker) == [DISCONNECT]


async def test_a_handshake_can_be_refused(gateway: Gateway, worker: EventsWorker) -> None:
    opening = asyncio.create_task(websocket(gateway))
    batch = await worker.batch()
    await batch.answer(status=403, body=b"not you", content_type="text/plain", x_why="no")
    with pytest.raises(InvalidStatus) as caught:
        await opening
    response = caught.value.response
    assert (response.status_code, response.headers["x-why"], response.body) == (
        403,
        "no",
        b"not you",
    )
    assert (await worker.poll(wait=0)).status_code == 404


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"body": b""}, 502),
        ({"body": b"TEXT 1\r\na\r\n"}, 502),
        ({"body": b"nonsense"}, 502),
        ({"body": b"OPEN\r\n", "status": 101}, 502),
        ({"body": b"OPEN\r\n", "content_type": "text/plain"}, 200),
    ],
)
async def test_an_answer_without_open_opens_nothing(
    gateway: Gateway, worker: EventsWorker, said: dict[str, Any], status: int
) -> None:
    opening = asyncio.create_task(websocket(gateway))
    await (await worker.batch()).answer(**said)
    with pytest.raises(InvalidStatus) as caught:
        await opening
    assert caught.value.response.status_code == status
    assert (await worker.poll(wait=0)).status_code == 404


async def test_a_client_that_leaves_before_is_nobody(
    gateway: Gateway, worker: EventsWorker
) -> None:
    opening = asyncio.create_task(websocket(gateway))
    batch = await worker.batch()
    opening.cancel()
    assert await batch.gone()
    assert (await batch.answer(OPEN)).status_code == 410
    assert (await worker.poll(wait=0)).status_code == 404


# ---------------------------------------------------------------- messages


async def test_messages_go_both_ways_in_batches(gateway: Gateway, worker: EventsWorker) -> None:
    client, opening = await opened(gateway, worker, text("welcome"))
    async with client, events_worker(gateway.api_port, "w2") as other:
        assert await client.recv() == "welcome"
        await client.send("grüß dich")
        first = await other.batch()
        assert first.events == [text("grüß dich")]
        for name in ("connection-id", "host"):
            assert first.header(name) == opening.header(name)
        # One batch at a time: what is said meanwhile is in the next one.
        await client.send(b"\x00\xff")
        await client.send("")
        assert (await (await client.ping())) >= 0
        assert (await worker.poll(wait=0)).status_code == 404
        await first.answer(text("one"), Event(events.BINARY, b"\x01"), Event(b"PING"))
        assert [await client.recv(), await client.recv()] == ["one", b"\x01"]
        second = await worker.batch()
        assert second.events == [Event(events.BINARY, b"\x00\xff"), Event(events.TEXT)]
        await second.answer()
        closing = asyncio.create_task(client.close(4001, "enough"))
        third = await worker.batch()
        assert third.events == [close(4001, "enough")]
        await third.answer(close(1000))
        await closing
    await settled(gateway)


async def test_the_memory_of_the_workers_is_in_the_gateway(
    gateway: Gateway, worker: EventsWorker
) -> None:
    client, _ = await opened(gateway, worker, set_meta_user="7", set_meta_seen="0")
    async with client:
        await client.send("a")
        batch = await worker.batch()
        assert (batch.header("meta-user"), batch.header("meta-seen")) == ("7", "0")
        await batch.answer(set_meta_user="", set_meta_seen="1")
        await client.send("b")
        batch = await worker.batch()
        assert (batch.header("meta-user"), batch.header("meta-seen")) == (None, "1")
        await batch.answer(set_meta_large="x" * batches.MAX_META)
        assert await closed(client) == (1011, "bad_worker_response")
    assert await left(worker) == [DISCONNECT]


async def test_a_batch_is_bounded(gateway: Gateway, worker: EventsWorker) -> None:
    opening = asyncio.create_task(websocket(gateway, compression=None))
    await worker.accept()
    client, message = await opening, bytes(100 * KIB)

    async def flood() -> None:
        while True:
            await client.send(message)

    await client.send("first")
    first = await worker.batch()
    flooding = asyncio.create_task(flood())
    done, _ = await asyncio.wait([flooding], timeout=0.3)
    assert not done
    await first.answer()
    second = await worker.batch()
    assert 0 < len(second.body) < batches.WAITING + len(message) + KIB
    flooding.cancel()
    client.transport.abort()


# ---------------------------------------------------------------- ends


async def test_a_worker_closes(gateway: Gateway, worker: EventsWorker) -> None:
    client, _ = await opened(gateway, worker)
    async with client:
        await client.send("bye?")
        await (await worker.batch()).answer(text("bye"), close(4002, "done"), text("never"))
        assert await client.recv() == "bye"
        assert await closed(client) == (4002, "done")
    assert (await worker.poll(wait=0)).status_code == 404
    await settled(gateway)


async def test_a_worker_that_knows_of_no_such_websocket_has_it_opened_anew(
    gateway: Gateway, worker: EventsWorker
) -> None:
    client, _ = await opened(gateway, worker)
    async with client:
        await client.send("again")
        await (await worker.batch()).answer(DISCONNECT)
        assert (await closed(client))[0] == 1012
    assert (await worker.poll(wait=0)).status_code == 404


async def test_what_a_lost_client_said_comes_before_its_end(
    gateway: Gateway, worker: EventsWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client, _ = await opened(gateway, worker)
    await client.send("one")
    first = await worker.batch()
    await client.send("two")
    await client.ping()
    client.transport.abort()
    await first.answer(text("to nobody"))
    second = await worker.batch()
    assert second.events == [text("two")]
    await second.answer(text("to nobody"), set_meta_seen="2")
    third = await worker.batch()
    assert (third.events, third.header("meta-seen")) == ([DISCONNECT], "2")
    await third.answer()
    await until(lambda: any(one.name == "prack.access" for one in caplog.records))
    (line,) = [vars(one) for one in caplog.records if one.name == "prack.access"]
    assert (line["status"], line["error"], line["worker"]) == (101, "client_gone", "w1")


BAD_ANSWERS: list[dict[str, Any]] = [
    {"status": 500},
    {"content_type": "text/html"},
    {"body": b"nonsense"},
    {"body": b"TEXT 5\r\nhell"},
    {"body": b"TEXT 1\r\n\xff\r\n"},
    {"body": b"OPEN\r\n"},
    {"body": events.encode(events.CLOSE, (1006).to_bytes(2, "big"))},
]


@pytest.mark.parametrize("said", BAD_ANSWERS)
async def test_an_answer_that_is_no_events_is_an_internal_error(
    gateway: Gateway,
    worker: EventsWorker,
    said: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(complaint, "SILENT_SECONDS", 0.0)
    client, _ = await opened(gateway, worker)
    async with client:
        await client.send("?")
        await (await worker.batch()).answer(**said)
        assert await closed(client) == (1011, "bad_worker_response")
    assert await left(worker) == [DISCONNECT]
    (record,) = [one for one in caplog.records if ".gateway.websocket." in one.name]
    assert record.levelname == "WARNING"


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("handler_error", 1011, "worker_error"),
        ("unsupported", 1011, "unsupported"),
        ("timed_out", 1012, "worker_lost"),
    ],
)
async def test_a_worker_that_fails_ends_it(
    gateway: Gateway, worker: EventsWorker, said: str, code: int, reason: str
) -> None:
    client, _ = await opened(gateway, worker)
    async with client:
        await client.send("?")
        await (await worker.batch()).error(said)
        assert await closed(client) == (code, reason)
    assert await left(worker) == [DISCONNECT]


async def test_a_batch_with_a_key_is_not_repeated(gateway: Gateway, worker: EventsWorker) -> None:
    keyed = {"idempotency-key": "k"}
    opening = asyncio.create_task(websocket(gateway, additional_headers=keyed))
    await worker.accept()
    async with await opening as client:
        await client.send("once")
        batch = await worker.batch(lease=1)
        assert await closed(client) == (1012, "worker_lost")
    assert (await batch.answer(text("late"))).status_code == 409
    assert await left(worker) == [DISCONNECT]


async def test_no_room_for_a_batch_is_try_again_later(start: Start) -> None:
    gateway = await start(queue_requests=1)
    async with events_worker(gateway.api_port) as worker:
        client, _ = await opened(gateway, worker)
        async with client:
            await (await gateway.client()).get()
            await until(lambda: gateway.core.queue.requests)
            await client.send("?")
            assert await closed(client) == (1013, "queue_full")


async def test_a_message_over_the_limit_is_1009(start: Start) -> None:
    gateway = await start(websocket_message=1000)
    async with events_worker(gateway.api_port) as worker:
        client, _ = await opened(gateway, worker)
        async with client:
            await client.send(bytes(1001))
            assert (await closed(client))[0] == 1009
        assert await left(worker) == [close(1009)]


async def test_silence_of_both_sides_ends_it(start: Start) -> None:
    gateway = await start(websocket_idle=0.1)
    async with events_worker(gateway.api_port) as worker:
        client, _ = await opened(gateway, worker)
        async with client:
            assert await closed(client) == (1001, "deadline")
        assert await left(worker) == [DISCONNECT]


async def test_a_worker_can_ask_to_be_asked(
    gateway: Gateway, worker: EventsWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MIN_KEEP_ALIVE", 0.01)
    client, _ = await opened(gateway, worker, keep_alive_interval="1")
    async with client:
        batch = await worker.batch()
        assert (batch.body, batch.events) == (b"", [])
        await batch.answer(text("news"), keep_alive_interval="0")
        assert await client.recv() == "news"
        assert (await worker.poll(wait=1.5)).status_code == 404


async def test_a_gateway_that_stops_goes_away() -> None:
    settings = {
        "port": 0,
        "api_port": 0,
        "grpc_port": 0,
        "admin_port": 0,
        "host": "127.0.0.1",
        "grace": 0.1,
    }
    service = Service(Settings.model_validate(settings))
    async with AsyncExitStack() as stack:
        gateway = Gateway(*await stack.enter_async_context(service.listening()))
        async with events_worker(gateway.api_port) as worker:
            silent, _ = await opened(gateway, worker)
            busy, _ = await opened(gateway, worker)
            await busy.send("held")
            await worker.batch()
        await stack.aclose()
        assert (await closed(silent))[0] == (await closed(busy))[0] == 1001


async def test_a_gateway_that_drains_takes_no_more_batches(
    gateway: Gateway, worker: EventsWorker
) -> None:
    client, _ = await opened(gateway, worker)
    async with client:
        gateway.running.broker.begin_drain()
        await client.send("?")
        assert await closed(client) == (1001, "draining")


# ---------------------------------------------------------------- which kind of worker


async def test_a_stream_goes_before_batches(gateway: Gateway, worker: EventsWorker) -> None:
    poll = asyncio.create_task(worker.batch())
    await sessions(gateway, 1)
    async with connect(gateway.grpc_port) as streaming:
        await hello(streaming, slots=1)
        opening = asyncio.create_task(websocket(gateway))
        await Socket.opened(streaming)
        first = await opening
        # The stream has no slot left, so that the other kind of worker gets the next one.
        opening = asyncio.create_task(websocket(gateway))
        batch = await poll
        await batch.answer(OPEN)
        second = await opening
        await second.send("to any worker of its kind")
        assert (await worker.batch()).events == [text("to any worker of its kind")]
        first.transport.abort()
        second.transport.abort()


async def test_a_handshake_waits_for_either_kind(gateway: Gateway, worker: EventsWorker) -> None:
    openings = []
    for number in range(2):
        openings.append(asyncio.create_task(websocket(gateway, f"/{number}")))
        await until(lambda: gateway.core.queue.requests == len(openings))
    batch = await worker.batch()
    assert batch.environment["PATH_INFO"] == "/0"
    await batch.answer(OPEN)
    async with connect(gateway.grpc_port) as streaming:
        await hello(streaming)
        socket = await Socket.opened(streaming)
        assert socket.request.target == b"/1"
        for opening in openings:
            (await opening).transport.abort()


async def test_a_handshake_that_was_given_back_is_a_batch_for_good(
    gateway: Gateway, worker: EventsWorker
) -> None:
    opening = asyncio.create_task(websocket(gateway))
    await (await worker.batch()).release()
    async with connect(gateway.grpc_port) as streaming:
        await hello(streaming)
        again = await worker.accept()
        assert again.environment["prack.attempt"] == 2
        (await opening).transport.abort()


async def test_a_poll_that_does_not_ask_gets_none(start: Start) -> None:
    gateway = await start(queue_timeout=0.2)
    async with events_worker(gateway.api_port) as worker:
        opening = asyncio.create_task(websocket(gateway))
        polled = await worker.poll(websockets=None, wait=0.1)
        assert polled.status_code == 404
        with pytest.raises(InvalidStatus) as caught:
            await opening
        assert caught.value.response.status_code == 503
