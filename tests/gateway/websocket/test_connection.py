"""Clients of WebSockets that break a rule, or take nothing."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.websocket.connection import WebSocketConnection
from prack_wire import websocket_events as events
from tests.conftest import Gateway, Start
from tests.gateway.websocket.opening import accepted
from tests.support.client import Cut, RawClient
from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    FIN,
    HANDSHAKE,
    PING,
    PONG,
    RSV1,
    TEXT,
    frame,
    open_socket,
    packed,
    receive,
)
from tests.support.scripted_worker import WINDOW, ScriptedWorker, connect

QUICK = ConnectionLimits(write_seconds=0.1)


def sockets() -> list[WebSocketConnection]:
    """The open WebSockets of this process."""
    found = [one for one in gc.get_objects() if issubclass(type(one), WebSocketConnection)]
    return [one for one in found if one in one.http.connections]


@asynccontextmanager
async def opened(gateway: Gateway) -> AsyncIterator[tuple[RawClient, ScriptedWorker, int]]:
    """A client with a small window whose WebSocket a worker has accepted as this exchange."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", gateway.port))
    client = RawClient(*await asyncio.open_connection(sock=sock, limit=1024))
    gateway.clients.append(client)
    async with accepted(gateway, client) as (worker, number):
        yield client, worker, number


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of a connection's inside
            await asyncio.sleep(0.005)


async def fill(worker: ScriptedWorker, exchange: int, enough: Callable[[], object]) -> None:
    """Messages for a client that takes nothing, as many as are granted, until this is so."""
    event = events.encode(events.BINARY, bytes(30_000))
    sent, granted = 0, WINDOW
    while not enough():
        if granted - sent >= len(event):
            await worker.send(data=[pb.Data(id=exchange, data=event)])
            sent += len(event)
        await asyncio.wait((asyncio.create_task(worker.changed()),), timeout=0.005)
        while worker.seen("windows"):
            granted = (await worker.event("windows")).max_offset


async def test_a_client_that_takes_nothing_gives_its_slot_back(start: Start) -> None:
    gateway = await start(guard=QUICK)
    async with opened(gateway) as (_, worker, exchange):
        await fill(worker, exchange, lambda: worker.seen("cancels"))
        cancel = await worker.event("cancels")
        assert (cancel.id, cancel.reason) == (exchange, pb.CANCEL_REASON_CLIENT_GONE)


async def test_what_is_unsent_at_the_end_keeps_no_connection_open(start: Start) -> None:
    gateway = await start(guard=QUICK)
    async with opened(gateway) as (client, worker, exchange):
        client.stop_reading()
        (connection,) = sockets()
        # A little more than the kernel takes, and less than the gateway's high-water mark.
        await fill(worker, exchange, connection.transport.get_write_buffer_size)
        end = events.encode(events.CLOSE, events.close_data(1000))
        await worker.send(data=[pb.Data(id=exchange, data=end)])
        await worker.send(finishes=[pb.Finish(id=exchange)])
        client.writer.write(frame(CLOSE))
        await until(lambda: not sockets())


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (frame(BINARY, bytes(4_000_000)), 1009),
        (frame(0x3), 1002),
        (frame(TEXT, b"\xff"), 1007),
        # Found by fuzzing: what comes in the same piece.
        (frame(TEXT, b"\xff") * 2, 1007),
        (frame(TEXT, b"\xff") + frame(TEXT, b"hello"), 1007),
    ],
)
async def test_a_client_that_goes_on_sending_can_read_what_it_did_wrong(
    gateway: Gateway, first: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(gateway) as (client, worker, _):
        await client.send(first + frame(BINARY, bytes(60_000)) * 60)
        answer = await receive(client)
        assert (answer.opcode, answer.data[:2]) == (CLOSE, code.to_bytes(2, "big"))
        assert await client.closed()
        data = (await worker.event("data")).data
        (close,) = events.Decoder(1000).feed(data)
        assert events.close_code(close.data)[0] == code
    assert mistakes(caplog) == []


async def test_a_text_that_is_none_is_refused_before_its_end(gateway: Gateway) -> None:
    async with opened(gateway) as (client, _, _):
        await client.send(frame(TEXT, "ä".encode()[:1], bits=0) + frame(CONTINUATION, b"", bits=0))
        await client.send(frame(PING))
        assert (await receive(client)).opcode == PONG  # it may still become one
        await client.send(frame(CONTINUATION, b"a", bits=0))
        answer = await receive(client)
        assert (answer.opcode, answer.data[:2]) == (CLOSE, (1007).to_bytes(2, "big"))


def mistakes(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What no client may have the gateway write."""
    return [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_a_ping_behind_a_broken_rule_ends_nothing_early(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(gateway) as (client, _, _):
        await client.send(frame(TEXT, b"\xff") + frame(PING, b"a"))
        answers = [await receive(client) for _ in range(2)]
        assert [answer.opcode for answer in answers] == [PONG, CLOSE]
        assert await client.closed()
    assert mistakes(caplog) == []


async def test_what_is_said_to_a_client_that_broke_a_rule_goes_nowhere(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(gateway) as (client, worker, exchange):
        await client.send(frame(TEXT, b"hello") * 100 + frame(0x3))
        heard, decoder = list[events.Event](), events.Decoder(1000)
        while not heard or heard[-1].name != events.CLOSE:
            data = (await worker.event("data")).data
            heard += decoder.feed(data)
            await worker.send(data=[pb.Data(id=exchange, data=data)])
        while (answer := await receive(client)).opcode != CLOSE:
            assert answer.data == b"hello"
        assert answer.data[:2] == (1002).to_bytes(2, "big")
    assert mistakes(caplog) == []


@asynccontextmanager
async def early(gateway: Gateway, frames: bytes) -> AsyncIterator[tuple[RawClient, ScriptedWorker]]:
    """A client that does not wait for the answer to its handshake, which a worker has accepted."""
    client = await gateway.client()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        opening = asyncio.create_task(open_socket(client, then=frames))
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await opening).status == 101
        yield client, worker


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(0x3), 1002),
        (frame(TEXT, b"hello", mask=None), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(CLOSE, b"\x0f\xa1"), 4001),
        # Found by fuzzing: by the time that the text is looked at, the close is answered.
        (frame(TEXT, b"\xff") + frame(CLOSE, b"\x0f\xa1"), 4001),
    ],
)
async def test_what_comes_before_the_answer_is_judged_after_it(
    gateway: Gateway, frames: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with early(gateway, frames) as (client, worker):
        answer = await receive(client)
        assert (answer.opcode, answer.data[:2]) == (CLOSE, code.to_bytes(2, "big"))
        (close,) = events.Decoder(1000).feed((await worker.event("data")).data)
        assert events.close_code(close.data)[0] == code
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_message_that_comes_before_the_answer_is_passed_on(gateway: Gateway) -> None:
    async with early(gateway, frame(TEXT, b"hello")) as (client, worker):
        assert (await worker.event("data")).data == b"TEXT 5\r\nhello\r\n"
        client.reset()


async def test_a_flood_before_the_answer_is_cut(gateway: Gateway) -> None:
    flood = frame(BINARY, bytes(ConnectionLimits().backlog_bytes))
    with pytest.raises(Cut):
        await open_socket(await gateway.client(), then=flood)
    await until(lambda: not gateway.core.exchanges)


async def test_what_is_small_only_on_the_wire_stays_so(gateway: Gateway) -> None:
    message = bytes(1 << 20)
    client = await gateway.client()
    async with accepted(gateway, client, DEFLATE) as (worker, _):
        (connection,) = sockets()
        await client.send(frame(BINARY, packed(message), FIN | RSV1) * 15)
        decoder, received = events.Decoder(1 << 20), 0
        while received < 15:
            found = decoder.feed((await worker.event("data")).data)
            assert all(event.data == message for event in found)
            received += len(found)
            assert connection.queue.qsize() < 8
        client.reset()


def offering(*lines: bytes) -> bytes:
    """A handshake with these in the place of its Connection and Upgrade fields."""
    rest = [line for line in HANDSHAKE if not line.startswith((b"Upgrade", b"Connection"))]
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: test", *lines, *rest, b"", b""])


OFFERS = [
    (b"Connection: Upgrade", b"Connection: keep-alive", b"Upgrade: websocket"),
    (b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: websocket"),
    (b"Connection: keep-alive, upgrade", b"Upgrade: WebSocket"),
    (b"Connection: Upgrade", b"Upgrade: websocket, h2c"),
    (b"Connection: Upgrade", b"Upgrade: h2c , websocket"),
    (b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
]


@pytest.mark.parametrize("lines", OFFERS, ids=lambda lines: b"; ".join(lines).decode())
async def test_a_websocket_may_be_one_of_several_offers(
    gateway: Gateway, lines: tuple[bytes, ...]
) -> None:
    client = await gateway.client()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        await client.send(offering(*lines))
        request = await worker.event("requests")
        assert request.upgrade == pb.UPGRADE_WEBSOCKET
        assert not {b"connection", b"upgrade"}.intersection(request.headers[::2])
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await client.head()).status == 101
        client.reset()
