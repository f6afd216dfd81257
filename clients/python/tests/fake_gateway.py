"""A gRPC gateway that does what a test says, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc import aio

from prack.v1 import worker_pb2 as pb
from prack.v1.worker_pb2_grpc import WorkerServiceServicer, add_WorkerServiceServicer_to_server
from prack_worker.grpc_transport import GrpcTransport
from prack_worker.transport import Identity

WELCOME = {"minor": 1, "heartbeat_ms": 5000, "dead_after_ms": 15000}


class Stream:
    """One worker's stream, after its hello."""

    def __init__(self, context: Any, hello: pb.Hello) -> None:
        self.hello = hello
        self.metadata = dict(context.invocation_metadata())
        self._context = context
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
        while isinstance(frame := await self._context.read(), pb.WorkerFrame):
            self._frames.put_nowait(frame)
        self._frames.put_nowait(None)
        self.end()

    async def welcome(self, **fields: Any) -> None:
        await self.send(welcome=pb.Welcome(**(WELCOME | fields)))

    async def send(self, **fields: Any) -> None:
        await self._context.write(pb.GatewayFrame(**fields))

    async def request(self, target: bytes = b"/", **fields: Any) -> int:
        """Hand out one request; returns its id."""
        self._last_id += 1
        values = {
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
        async with asyncio.timeout(5):
            return await self._frames.get()

    def end(self, code: grpc.StatusCode = grpc.StatusCode.OK, details: str = "") -> None:
        """End the call."""
        if not self._ending.done():
            self._ending.set_result((code, details))


class FakeGateway(WorkerServiceServicer):
    """Waits for workers; `stream` is the next one that dialled in."""

    def __init__(self) -> None:
        self.address = ""
        self._streams: asyncio.Queue[Stream] = asyncio.Queue()
        self._open: list[Stream] = []

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["FakeGateway"]:
        gateway, server = cls(), aio.server(options=[("grpc.so_reuseport", 0)])
        add_WorkerServiceServicer_to_server(gateway, server)
        gateway.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield gateway
        finally:
            for stream in gateway._open:
                stream.end()
            await server.stop(0)

    async def Connect(self, _: Any, context: Any) -> None:
        frame = await context.read()
        stream = Stream(context, frame.hello)
        self._open.append(stream)
        self._streams.put_nowait(stream)
        code, details = await stream.run()
        if code is not grpc.StatusCode.OK:
            await context.abort(code, details)

    async def stream(self) -> Stream:
        async with asyncio.timeout(5):
            return await self._streams.get()

    async def welcomed(self, **fields: Any) -> Stream:
        stream = await self.stream()
        await stream.welcome(**fields)
        return stream

    def transport(self, token: str | None = None, **identity: Any) -> GrpcTransport:
        return GrpcTransport(self.address, Identity("w1", **identity), lambda: token)
