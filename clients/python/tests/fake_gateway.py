"""Gateways that do what a test says, over real sockets: one for each carrier of frames."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
from grpc import aio

from prack.v1 import worker_pb2 as pb
from prack_worker.stream.grpc import GrpcTransport
from prack_worker.stream.plain import TcpTransport
from prack_worker.stream.transport import StreamTransport
from prack_worker.transport import Identity

SERVICE = "prack.v1.WorkerService"
WELCOME = {"minor": 1, "heartbeat_ms": 5000, "dead_after_ms": 15000}


class Stream:
    """One worker's stream, after its hello."""

    def __init__(self, context: Any, hello: pb.Hello) -> None:
        self.hello = hello
        self.metadata = dict(context.invocation_metadata())
        self.context = context
        self._ending: asyncio.Future[tuple[grpc.StatusCode, str]] = asyncio.Future()
        self._frames: asyncio.Queue[pb.WorkerFrame | None] = asyncio.Queue()
        self._last_id = 0

    async def run(self) -> tuple[grpc.StatusCode, str]:
        """Collect frames until the test ends the call, or the worker half-closes."""
        reader = asyncio.create_task(self._read())
        try:
            return await self._ending
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def _read(self) -> None:
        while isinstance(frame := await self.context.read(), pb.WorkerFrame):
            self._frames.put_nowait(frame)
        self._frames.put_nowait(None)
        self.end()

    async def welcome(self, **fields: Any) -> None:
        await self.send(welcome=pb.Welcome(**(WELCOME | fields)))

    async def send(self, **fields: Any) -> None:
        await self.context.write(pb.GatewayFrame(**fields))

    async def request(self, target: bytes = b"/", **fields: Any) -> int:
        """Hand out one request; returns its id."""
        self._last_id += 1
        values: dict[str, Any] = {
            "id": self._last_id,
            "request_id": f"r{self._last_id}",
            "attempt": 1,
            "deadline_ms": 60_000,
            "method": b"GET",
            "scheme": b"http",
            "authority": b"example.com",
            "target": target,
            "http_version": b"1.1",
            "end": True,
            "body_length": -1,
        }
        await self.send(requests=[pb.Request(**(values | fields))])
        return self._last_id

    async def frame(self) -> pb.WorkerFrame | None:
        """The next frame of the worker, None after its half-close."""
        async with asyncio.timeout(20):
            return await self._frames.get()

    def end(self, code: grpc.StatusCode = grpc.StatusCode.OK, details: str = "") -> None:
        """End the call."""
        if not self._ending.done():
            self._ending.set_result((code, details))


class FakeGateway(ABC):
    """Waits for workers; `stream` is the next one that dialled in."""

    scheme: str
    dials: type[StreamTransport]

    def __init__(self) -> None:
        self.address = ""
        self._streams: asyncio.Queue[Stream] = asyncio.Queue()
        self._open: list[Stream] = []

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["FakeGateway"]:
        gateway = cls()
        async with gateway.listening():
            yield gateway

    @abstractmethod
    def listening(self) -> Any:
        """Inside it, workers can dial."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    async def serve(self, context: Any) -> tuple[grpc.StatusCode, str]:
        """One stream, until the test or the worker ends it."""
        frame = await context.read()
        stream = Stream(context, frame.hello)
        self._open.append(stream)
        self._streams.put_nowait(stream)
        return await stream.run()

    def end_all(self) -> None:
        for stream in self._open:
            stream.end()

    async def stream(self) -> Stream:
        async with asyncio.timeout(20):
            return await self._streams.get()

    async def welcomed(self, **fields: Any) -> Stream:
        stream = await self.stream()
        await stream.welcome(**fields)
        return stream

    def transport(self, token: str | None = None, **identity: Any) -> StreamTransport:
        return self.dials(self.address, Identity("w1", **identity), lambda: token)


class GrpcGateway(FakeGateway):
    """Over gRPC."""

    scheme = "grpc"
    dials = GrpcTransport

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = aio.server(options=[("grpc.so_reuseport", 0)])
        connect = grpc.stream_stream_rpc_method_handler(
            self._connect, pb.WorkerFrame.FromString, pb.GatewayFrame.SerializeToString
        )
        handler = grpc.method_handlers_generic_handler(SERVICE, {"Connect": connect})
        server.add_generic_rpc_handlers((handler,))
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield
        finally:
            self.end_all()
            await server.stop(0)

    async def _connect(self, _: Any, context: Any) -> None:
        code, details = await self.serve(context)
        if code is not grpc.StatusCode.OK:
            await context.abort(code, details)


class PlainGateway(FakeGateway):
    """Over connections that were upgraded; a stream's status is nothing there."""

    scheme = "prack"
    dials = TcpTransport
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: prack.v1\r\n\r\n"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        connections: set[asyncio.Task[Any]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer)
                if b" 101 " in self.answer:
                    await self.serve(PlainContext(head, reader, writer))
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.address = "{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield
        finally:
            self.end_all()
            server.close()
            await asyncio.wait(connections)


class PlainContext:
    """What `Stream` needs of gRPC's."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.request, *lines = head.decode().split("\r\n")
        self._fields = [line.split(": ", 1) for line in lines if line]
        self._reader = reader
        self.writer = writer

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self._fields]

    async def read(self) -> pb.WorkerFrame | None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            size = int.from_bytes(await self._reader.readexactly(4), "big")
            return pb.WorkerFrame.FromString(await self._reader.readexactly(size))
        return None

    async def write(self, frame: pb.GatewayFrame) -> None:
        message = frame.SerializeToString()
        self.writer.write(len(message).to_bytes(4, "big") + message)
