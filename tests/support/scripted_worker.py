"""A gRPC worker that does exactly what a test tells it to, well-formed or not."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from prack.v1 import worker_pb2 as pb

CONNECT = "/prack.v1.WorkerService/Connect"
SECONDS = 10.0
CHUNK = 64 * 1024
WINDOW = 512 * 1024


class ScriptedWorker:
    """One stream. Events that came are kept until a test asks for their kind."""

    def __init__(self, call: Any, on_frame: Callable[[pb.GatewayFrame], None]) -> None:
        self.call = call
        self._on_frame = on_frame
        self._events: dict[str, list[Any]] = defaultdict(list)
        self._changed = asyncio.Condition()
        self._ended = False
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while not self._ended:
            try:
                frame = await self.call.read()
            except (grpc.RpcError, asyncio.CancelledError):
                frame = grpc.aio.EOF
            if isinstance(frame, pb.GatewayFrame):
                self._on_frame(frame)
            async with self._changed:
                self._ended = frame is grpc.aio.EOF
                for descriptor, value in () if self._ended else frame.ListFields():
                    single = isinstance(value, Message)
                    self._events[descriptor.name] += [value] if single else list(value)
                self._changed.notify_all()

    async def send(self, **events: Any) -> None:
        """Write one frame of these fields."""
        await self.call.write(pb.WorkerFrame(**events))

    async def hello(self, worker_id: str = "w1", slots: int = 8, **fields: Any) -> pb.Welcome:
        """Say hello and wait for the welcome."""
        capacity = pb.Capacity(max_in_flight=slots)
        hello = pb.Hello(worker_id=worker_id, minor_min=1, minor_max=1, capacity=capacity, **fields)
        await self.send(hello=hello)
        welcome: pb.Welcome = await self.event("welcome")
        return welcome

    async def event(self, field: str, seconds: float = SECONDS) -> Any:
        """The next event of this field. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self._events[field] or self._ended)
        assert self._events[field], f"the stream ended before any {field}"
        return self._events[field].pop(0)

    async def changed(self) -> None:
        """Wait until something comes."""
        async with self._changed:
            await self._changed.wait()

    def seen(self, field: str) -> int:
        """How many events of this field have come and were not asked for."""
        return len(self._events[field])

    async def end(self) -> tuple[grpc.StatusCode | None, str | None]:
        """Wait for the end of the call, and tell how it ended."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: self._ended)
        return await self.call.code(), await self.call.details()

    async def close(self) -> None:
        """Break the stream off, as a process that dies does."""
        self.call.cancel()
        await self._reader

    async def stream(self, request: pb.Request, size: int, finish: bool = False) -> None:
        """A response without a length, as long as it is granted or until it is cancelled."""
        await self.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        sent, granted = 0, WINDOW
        while sent < size:
            while granted - sent < CHUNK and not self.seen("cancels"):
                async with self._changed:
                    await self._changed.wait()
                granted = max([w.max_offset for w in self._events.pop("windows", [])] + [granted])
            if self.seen("cancels"):
                return
            data = bytes(min(CHUNK, size - sent))
            await self.send(data=[pb.Data(id=request.id, data=data)])
            sent += len(data)
        if finish:
            await self.send(finishes=[pb.Finish(id=request.id)])

    async def answer(self, request: pb.Request, body: bytes = b"ok", **fields: Any) -> None:
        """A whole small response."""
        await self.send(heads=[pb.ResponseHead(id=request.id, status=200, body=body, end=True)])


def serialized(message: pb.WorkerFrame | bytes) -> bytes:
    """A frame, or bytes that are none, as they go out."""
    return message if isinstance(message, bytes) else message.SerializeToString()


@asynccontextmanager
async def connect(
    port: int,
    token: str | None = None,
    on_frame: Callable[[pb.GatewayFrame], None] = lambda _: None,
    credentials: grpc.ChannelCredentials | None = None,
) -> AsyncIterator[ScriptedWorker]:
    """A stream without a hello; over TLS if there are credentials."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    address = f"127.0.0.1:{port}"
    secure = credentials and grpc.aio.secure_channel(address, credentials)
    async with secure or grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(
            CONNECT,
            request_serializer=serialized,
            response_deserializer=pb.GatewayFrame.FromString,
        )(metadata=metadata)
        worker = ScriptedWorker(call, on_frame)
        try:
            yield worker
        finally:
            await worker.close()
