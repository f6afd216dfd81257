"""A scripted worker over a plain connection. Shares no line with the real ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import grpc

from prack.v1 import worker_pb2 as pb
from tests.support.client import RawWorker
from tests.support.scripted_worker import ScriptedWorker

PATH = b"/api/v1/stream"
UPGRADE = b"Connection: Upgrade", b"Upgrade: prack.v1"


class PlainCall(RawWorker):
    """What a worker needs of gRPC's call. It has no status at its end."""

    @classmethod
    async def open(
        cls, port: int, token: str | None = None, context: ssl.SSLContext | None = None
    ) -> Self:
        """A connection that was upgraded."""
        call = await cls.connect(port, context=context)
        fields = (f"Authorization: Bearer {token}".encode(),) if token else ()
        await call.get(PATH, *UPGRADE, *fields)
        head = await call.head()
        assert (head.status, head.header(b"upgrade")) == (101, b"prack.v1")
        return call

    async def read(self) -> Any:
        """The next frame, or gRPC's mark of the end."""
        try:
            size = int.from_bytes(await self.reader.readexactly(4), "big")
            return pb.GatewayFrame.FromString(await self.reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return grpc.aio.EOF

    async def write(self, frame: pb.WorkerFrame | bytes) -> None:
        """Write a frame, or what is none."""
        message = frame if isinstance(frame, bytes) else frame.SerializeToString()
        with suppress(ConnectionError):  # gRPC tells it when reading
            await self.send(framed(message))

    async def done_writing(self) -> None:
        """Half-close."""
        self.writer.write_eof()

    def cancel(self) -> None:
        """Break off."""
        self.writer.transport.abort()

    async def code(self) -> None:
        """None."""

    async def details(self) -> None:
        """None."""


def framed(message: bytes) -> bytes:
    """A message as it is on the wire."""
    return len(message).to_bytes(4, "big") + message


@asynccontextmanager
async def connect(
    port: int,
    token: str | None = None,
    on_frame: Callable[[pb.GatewayFrame], None] = lambda _: None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[ScriptedWorker]:
    """A stream without a hello, by way of the REST port; over TLS if there is a context."""
    call = await PlainCall.open(port, token, context)
    worker = ScriptedWorker(call, on_frame)
    try:
        yield worker
    finally:
        await worker.close()
        await call.close()
