"""WebSockets over a real gRPC stream (proto/README.md, section 10)."""

import asyncio
from typing import Any

import pytest
from fake_gateway import FakeGateway, Stream
from serving import running

from prack.v1 import worker_pb2 as pb
from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    MAX_EVENT,
    TEXT,
    Decoder,
    Event,
    close_data,
    encode,
)
from prack_worker.asgi.application import AsgiApplication
from prack_worker.wsgi.application import WsgiApplication

CHUNK = 64 * 1024


class Socket:
    """The gateway's side of one WebSocket."""

    def __init__(self, stream: Stream, number: int) -> None:
        self.stream = stream
        self.number = number
        self.head = pb.ResponseHead()
        self.finished = False
        self.aborted = 0
        self.received = 0  # bytes of events
        self.granted = 0
        self._decoder = Decoder(MAX_EVENT)
        self._events: list[Event] = []

    @classmethod
    async def open(cls, stream: Stream, **fields: Any) -> "Socket":
        values = {"upgrade": pb.UPGRADE_WEBSOCKET, "end": False} | fields
        socket = cls(stream, await stream.request(b"/chat", **values))
        while not socket.head.status:
            await socket.pump()
        return socket

    async def pump(self) -> None:
        """Take one frame."""
        frame = await self.stream.frame()
        assert frame is not None
        for head in frame.heads:
            assert not self.head.status
            assert not head.body, "an accept has none"
            assert not head.end
            self.head = head
        for data in frame.data:
            assert len(data.data) <= CHUNK
            self.received += len(data.data)
            self._events += self._decoder.feed(data.data)
        self.finished = self.finished or bool(frame.finishes)
        self.aborted = frame.aborts[0].code if frame.aborts else self.aborted
        self.granted = frame.windows[-1].max_offset if frame.windows else self.granted

    async def event(self) -> Event:
        while not self._events:
            await self.pump()
        return self._events.pop(0)

    async def ending(self) -> None:
        while not (self.finished or self.aborted):
            await self.pump()

    async def send(self, data: bytes) -> None:
        """Bytes of events, in as many pieces as they need."""
        for start in range(0, len(data), CHUNK):
            piece = data[start : start + CHUNK]
            await self.stream.send(data=[pb.Data(id=self.number, data=piece)])

    async def finish(self) -> None:
        await self.stream.send(finishes=[pb.Finish(id=self.number)])

    async def cancel(self, reason: "pb.CancelReason.ValueType", said: bytes) -> None:
        """Give up right after the client said something."""
        data = [pb.Data(id=self.number, data=said)]
        await self.stream.send(data=data, cancels=[pb.Cancel(id=self.number, reason=reason)])

    async def widen(self, max_offset: int) -> None:
        await self.stream.send(windows=[pb.Window(id=self.number, max_offset=max_offset)])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def noting(codes: "asyncio.Queue[int]") -> Any:
    """An application that notes the code of its disconnect."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        codes.put_nowait(message["code"])

    return app


async def no_application(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError


async def test_only_an_asgi_application_is_offered_for_websockets(gateway: FakeGateway) -> None:
    async with running(AsgiApplication(no_application), gateway.transport()):
        assert (await gateway.welcomed()).hello.features == ["pause", "websocket"]
    app = WsgiApplication(lambda environ, start_response: [], threads=1)
    async with running(app, gateway.transport()):
        assert (await gateway.welcomed()).hello.features == ["pause"]


async def test_messages_are_echoed_until_the_client_closes(gateway: FakeGateway) -> None:
    async with running(AsgiApplication(echo), gateway.transport()):
        socket = await Socket.open(await gateway.welcomed(features=["websocket"]))
        assert socket.head.status == 101
        await socket.send(encode(TEXT, b"one") + encode(BINARY, b"two"))
        assert await socket.event() == (TEXT, b"one")
        assert await socket.event() == (BINARY, b"two")
        await socket.send(encode(CLOSE, close_data(4000, "bye")))
        await socket.finish()
        assert await socket.event() == (CLOSE, close_data(4000, "bye"))
        await socket.ending()
        assert socket.finished


async def test_a_large_message_goes_through_both_windows(gateway: FakeGateway) -> None:
    async with running(AsgiApplication(echo), gateway.transport()):
        stream = await gateway.welcomed(limits=pb.Limits(initial_window=100_000))
        socket = await Socket.open(stream)
        event, sent = encode(BINARY, bytes(range(256)) * 4096), 256 * 1024
        await socket.send(event[:sent])
        while sent < len(event):
            while socket.granted <= sent:
                await socket.pump()
            await socket.send(event[sent : socket.granted])
            sent = min(socket.granted, len(event))
        while socket.received < 100_000:
            await socket.pump()
        await socket.widen(2_000_000)
        assert await socket.event() == (BINARY, bytes(range(256)) * 4096)


async def test_messages_of_several_tasks_stay_whole_when_a_sender_gives_up(
    gateway: FakeGateway,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        texts = [str(number) * 40 for number in range(3)]
        tasks = [
            asyncio.create_task(send({"type": "websocket.send", "text": text})) for text in texts
        ]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks)

    async with running(AsgiApplication(app), gateway.transport()):
        stream = await gateway.welcomed(limits=pb.Limits(initial_window=10))
        socket = await Socket.open(stream)
        while socket.received < 10:
            await socket.pump()
        await socket.widen(1000)
        assert [(await socket.event()).data[:1] for _ in range(3)] == [b"0", b"1", b"2"]
        assert (await socket.event()).name == CLOSE


@pytest.mark.parametrize(
    ("said", "reason", "code"),
    [
        (b"", pb.CANCEL_REASON_CLIENT_GONE, 1006),
        (encode(CLOSE, close_data(3000)), pb.CANCEL_REASON_CLIENT_GONE, 3000),
        (b"", pb.CANCEL_REASON_SHUTDOWN, 1001),
    ],
)
async def test_a_cancel_is_a_disconnect(
    gateway: FakeGateway, said: bytes, reason: "pb.CancelReason.ValueType", code: int
) -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()
    async with running(AsgiApplication(noting(codes)), gateway.transport()):
        socket = await Socket.open(await gateway.welcomed())
        await socket.cancel(reason, said)
        assert await codes.get() == code
        await socket.ending()
        assert socket.aborted == pb.ABORT_CODE_CANCELLED


async def test_a_client_that_closes_and_does_not_read_holds_nobody_up(
    gateway: FakeGateway,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * 1000})

    async with running(AsgiApplication(app), gateway.transport()):
        socket = await Socket.open(await gateway.welcomed(limits=pb.Limits(initial_window=10)))
        await socket.send(encode(CLOSE, close_data(1000)))
        await socket.finish()
        await socket.ending()
        assert socket.aborted == pb.ABORT_CODE_CANCELLED


async def test_a_refusal_is_one_event(gateway: FakeGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    async with running(AsgiApplication(app), gateway.transport()):
        stream = await gateway.welcomed()
        number = await stream.request(upgrade=pb.UPGRADE_WEBSOCKET, end=False)
        headers = [b"content-length", b"0"]
        refusal = pb.ResponseHead(id=number, status=403, headers=headers, end=True)
        assert await stream.frame() == pb.WorkerFrame(heads=[refusal])


async def test_a_stop_closes_websockets_once_it_is_acknowledged(gateway: FakeGateway) -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()
    async with running(AsgiApplication(noting(codes)), gateway.transport()) as worker:
        stream = await gateway.welcomed()
        socket = await Socket.open(stream)
        worker.drain()
        frame = await stream.frame()
        assert frame is not None
        assert frame.HasField("drain")
        assert codes.empty()
        await stream.send(goaway=pb.Goaway(last_id=socket.number, drain_ack=True))
        assert await socket.event() == (CLOSE, close_data(1012, "the worker is stopping"))
        assert await codes.get() == 1012
        await socket.ending()
        assert socket.finished
        assert await stream.frame() is None
