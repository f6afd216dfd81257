"""Nothing of a WebSocket that has ended waits for the garbage collector."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from websockets.server import ServerProtocol

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.ticket import Ticket
from prack_grpc.gateway.http.closing import Closing
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.timeouts import Timeout
from prack_grpc.gateway.websocket.batches import Batches
from prack_grpc.gateway.websocket.client import WebSocketClient
from prack_grpc.gateway.websocket.connection import MAX_EMPTY, WebSocketConnection
from prack_grpc.gateway.websocket.cutter import Cutter
from prack_grpc.gateway.websocket.exchange import WebSocket
from prack_wire import websocket_events as events
from tests.conftest import Gateway, Start
from tests.gateway.websocket.opening import LIMITS
from tests.support.client import RawClient
from tests.support.collector import alive, frozen, gone, no_collector
from tests.support.events_worker import close as closing
from tests.support.events_worker import events_worker, text
from tests.support.frames import (
    DEFLATE,
    HANDSHAKE,
    PING,
    TEXT,
    close,
    frame,
    open_socket,
    receive,
)
from tests.support.scripted_worker import ScriptedWorker, connect

__all__ = ["frozen", "no_collector"]
PARTS = (
    Batches,
    WebSocketClient,
    Closing,
    Cutter,
    ServerProtocol,
    Ticket,
    Timeout,
    WebSocket,
    WebSocketConnection,
)
QUICK = ConnectionLimits(head_seconds=0.1, keep_alive_seconds=0.1, write_seconds=0.1)

End = Callable[[RawClient, ScriptedWorker, int], Awaitable[object]]


def said(data: bytes, read: bool = True) -> End:
    """The client says this, and reads until the connection ends, or leaves."""

    async def run(client: RawClient, _: ScriptedWorker, __: int) -> None:
        await client.send(data)
        if read:
            await client.reader.read()
        client.reset()

    return run


def answered(name: bytes, data: bytes | None = None, **fields: bool) -> End:
    """The worker says this."""

    async def run(client: RawClient, worker: ScriptedWorker, number: int) -> None:
        await worker.send(data=[pb.Data(id=number, data=events.encode(name, data))])
        await receive(client)
        await client.send(close(1000))
        await client.reader.read()
        client.reset()

    return run


async def failed(client: RawClient, worker: ScriptedWorker, number: int) -> None:
    """The worker gives up."""
    await worker.send(aborts=[pb.Abort(id=number)])
    await receive(client)
    client.reset()


async def half_closed(client: RawClient, _: ScriptedWorker, __: int) -> None:
    """The client ends its side without a word."""
    client.writer.write_eof()
    await client.reader.read()


async def unread(client: RawClient, worker: ScriptedWorker, number: int) -> None:
    """The client takes nothing, until it is cut."""
    client.stop_reading()
    event = events.encode(events.BINARY, bytes(32_000))
    for _ in range(15):
        await worker.send(data=[pb.Data(id=number, data=event)])
    client.reset()


OPEN: dict[str, End] = {
    "left": said(b"", read=False),
    "left in a frame": said(frame(TEXT, b"hello")[:-1], read=False),
    "left while more waits": said(frame(TEXT, b"a") * 10_000, read=False),
    "closed by the client": said(close(1000)),
    "closed by the client in a fragment": said(frame(TEXT, b"", bits=0) + close(1000)),
    "a broken rule": said(frame(0x3)),
    "a text that is none": said(frame(TEXT, b"\xff")),
    "a message too big": said(frame(TEXT, bytes(1 << 21))),
    "a flood": said(frame(PING) * (MAX_EMPTY + 1)),
    "half-closed": half_closed,
    "closed by the worker": answered(events.CLOSE, events.close_data(1000)),
    "closed wrongly by the worker": answered(events.CLOSE, bytes(200)),
    "no events": answered(b"nonsense"),
    "unread": unread,
    "the worker gives up": failed,
}


@pytest.mark.parametrize("way", OPEN)
@pytest.mark.parametrize("fields", [(), (DEFLATE,)], ids=["plain", "deflate"])
async def test_nothing_is_left_of_an_open_one(
    no_collector: None, start: Start, way: str, fields: tuple[bytes, ...]
) -> None:
    gateway = await start(guard=QUICK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"], limits=LIMITS)
        before = alive(PARTS)
        for _ in range(3):
            client = await gateway.client()
            opening = asyncio.create_task(open_socket(client, b"/", *fields))
            request = await worker.event("requests")
            await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
            await opening
            await OPEN[way](client, worker, request.id)
            await worker.send(finishes=[pb.Finish(id=request.id)])
        await gone(PARTS, before)


async def refused(client: RawClient, worker: ScriptedWorker) -> None:
    request = await worker.event("requests")
    await worker.answer(request)
    await client.response()


async def no_token(client: RawClient, worker: ScriptedWorker) -> None:
    request = await worker.event("requests")
    head = pb.ResponseHead(id=request.id, status=101, headers=[b"sec-websocket-protocol", b"\xff"])
    await worker.send(heads=[head])
    assert (await client.response()).status == 502
    await worker.event("cancels")
    await worker.send(aborts=[pb.Abort(id=request.id, code=pb.ABORT_CODE_CANCELLED)])


async def given_up(client: RawClient, worker: ScriptedWorker) -> None:
    request = await worker.event("requests")
    await worker.send(aborts=[pb.Abort(id=request.id)])
    await client.response()


async def left(client: RawClient, worker: ScriptedWorker) -> None:
    request = await worker.event("requests")
    client.reset()
    await worker.event("cancels")
    await worker.send(aborts=[pb.Abort(id=request.id, code=pb.ABORT_CODE_CANCELLED)])


EARLY = {"refused": refused, "no token": no_token, "given up": given_up, "left": left}


@pytest.mark.parametrize("way", EARLY)
async def test_nothing_is_left_of_one_that_never_opened(
    no_collector: None, start: Start, way: str
) -> None:
    gateway = await start(guard=QUICK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        before = alive(PARTS)
        for _ in range(3):
            client = await gateway.client()
            await client.get(b"/", *HANDSHAKE)
            await EARLY[way](client, worker)
            await client.close()
        await gone(PARTS, before)


async def test_nothing_is_left_when_the_worker_is_lost(no_collector: None, start: Start) -> None:
    gateway = await start(guard=QUICK)
    before = alive(PARTS)
    for _ in range(3):
        client = await gateway.client()
        async with connect(gateway.grpc_port) as worker:
            await worker.hello(features=["websocket"])
            opening = asyncio.create_task(open_socket(client))
            request = await worker.event("requests")
            await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
            await opening
        await receive(client)
        client.reset()
    await gone(PARTS, before)


async def test_nothing_is_left_when_nobody_could_take_it(no_collector: None, start: Start) -> None:
    gateway: Gateway = await start(guard=QUICK, queue_timeout=0.05)
    before = alive(PARTS)
    for _ in range(3):
        client = await gateway.client()
        await client.get(b"/", *HANDSHAKE)
        await client.response()
        client.reset()
    await gone(PARTS, before)


@pytest.mark.parametrize("by", ["client", "worker", "nobody"])
async def test_nothing_is_left_of_one_in_batches(no_collector: None, start: Start, by: str) -> None:
    gateway = await start(guard=QUICK)
    async with events_worker(gateway.api_port) as worker:
        await worker.poll(wait=0)  # its connection has parts like these
        before = alive(PARTS)
        for _ in range(3):
            client = await gateway.client()
            opening = asyncio.create_task(open_socket(client))
            await worker.accept(text("hello"))
            await opening
            await receive(client)
            if by == "nobody":
                client.reset()
            else:
                await client.send(close(1000) if by == "client" else frame(TEXT, b"bye"))
            batch = await worker.batch()
            await batch.answer(closing(1000))
            if by != "nobody":
                await receive(client)
                client.reset()
        await gone(PARTS, before)
