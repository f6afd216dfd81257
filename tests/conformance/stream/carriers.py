"""Both carriers of frames, as small as they can be."""

import asyncio
import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import grpc
from grpc import aio

CA = os.environ.get("PRACK_TLS_CA", "")
ROOTS = Path(CA).read_bytes() if CA else b""
METHOD = "/prack.v1.WorkerService/Connect"


class Carrier(Protocol):
    """One stream of frames."""

    async def read(self) -> bytes | None:
        """The next frame, None at the end. Raises OSError."""

    async def write(self, frame: bytes) -> None:
        """Send a frame."""

    async def half_close(self) -> None:
        """Send no more."""

    async def close(self) -> None:
        """Be gone."""


async def dial(url: str, token: str) -> Carrier:
    """A stream without its hello. Raises OSError."""
    scheme = urlsplit(url).scheme
    return await (Call if scheme.startswith("grpc") else Connection).dial(url, token)


class Connection:
    """The plain carrier."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @staticmethod
    def request(host: str, token: str) -> str:
        """What asks for the upgrade."""
        lines = ("GET /api/v1/stream HTTP/1.1", f"Host: {host}", "Connection: Upgrade")
        return "\r\n".join([*lines, "Upgrade: prack.v1", f"Authorization: Bearer {token}", "", ""])

    @staticmethod
    def trust() -> ssl.SSLContext:
        """Whom to trust."""
        return ssl.create_default_context(cafile=CA)

    @classmethod
    async def dial(cls, url: str, token: str) -> "Connection":
        """Raises OSError."""
        parts = urlsplit(url)
        context = cls.trust() if parts.scheme == "pracks" else None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
        connection = cls(reader, writer)
        try:
            await connection.upgrade(cls.request(parts.netloc, token))
        except (OSError, asyncio.IncompleteReadError) as error:
            writer.close()
            raise OSError(f"no upgrade: {error}") from None
        return connection

    async def upgrade(self, request: str) -> None:
        """Raises OSError."""
        self.writer.write(request.encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head:
            raise OSError(head.decode())

    async def read(self) -> bytes | None:
        """See Carrier."""
        try:
            size = int.from_bytes(await self.reader.readexactly(4), "big")
            return await self.reader.readexactly(size)
        except asyncio.IncompleteReadError:
            return None

    async def write(self, frame: bytes) -> None:
        """See Carrier."""
        self.writer.write(len(frame).to_bytes(4, "big") + frame)
        with suppress(OSError):
            await self.writer.drain()

    async def half_close(self) -> None:
        """See Carrier."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        else:
            self.writer.close()

    async def close(self) -> None:
        """See Carrier."""
        self.writer.close()


class Call:
    """gRPC."""

    def __init__(self, channel: aio.Channel, token: str) -> None:
        self.channel = channel
        metadata = (("authorization", f"Bearer {token}"),)
        self.call: Any = channel.stream_stream(METHOD)(metadata=metadata)

    @classmethod
    async def dial(cls, url: str, token: str) -> "Call":
        """Raises OSError."""
        parts = urlsplit(url)
        options = [("grpc.use_local_subchannel_pool", 1)]
        if parts.scheme == "grpcs":
            trust = grpc.ssl_channel_credentials(ROOTS)
            return cls(aio.secure_channel(parts.netloc, trust, options=options), token)
        return cls(aio.insecure_channel(parts.netloc, options=options), token)

    async def read(self) -> bytes | None:
        """See Carrier."""
        try:
            frame = await self.call.read()
        except grpc.RpcError as error:
            await self.close()
            raise OSError(str(error)) from None
        return frame if isinstance(frame, bytes) else None

    async def write(self, frame: bytes) -> None:
        """See Carrier."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await self.call.write(frame)

    async def half_close(self) -> None:
        """See Carrier."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await self.call.done_writing()

    async def close(self) -> None:
        """See Carrier."""
        self.call.cancel()
        await self.channel.close()
