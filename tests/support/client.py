"""A client of raw bytes: what a test sends is what is on the wire."""

import asyncio
import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Self, cast

SECONDS = 10.0


@dataclass
class Response:
    """Status, header list (lower-case names, in order) and body as they came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """The first value of this name."""
        return next((value for key, value in self.headers if key == name), None)


class Cut(Exception):
    """The connection ended before the response did."""


class RawClient:
    """One connection to the public port; it waits `seconds` for each part of a response."""

    seconds = SECONDS
    host = b"test"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(
        cls, port: int, address: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> Self:
        """Open a connection to loopback, from this address of it; over TLS with a context."""
        local = (address, 0)
        streams = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=local)
        return cls(*streams)

    async def send(self, data: bytes) -> None:
        """Write these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, target: bytes = b"/", *fields: bytes, method: bytes = b"GET") -> None:
        """Write a request without a body."""
        start = b"%b %b HTTP/1.1" % (method, target), b"host: " + self.host
        lines = [*start, *fields, b"", b""]
        await self.send(b"\r\n".join(lines))

    async def post(self, body: bytes, target: bytes = b"/", *fields: bytes) -> None:
        """Write a request with a body of known length."""
        length = b"content-length: %d" % len(body)
        await self.get(target, length, *fields, method=b"POST")
        await self.send(body)

    async def head(self) -> Response:
        """Read the status line and the fields."""
        async with asyncio.timeout(self.seconds):
            try:
                block = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise Cut from error
        first, *lines = block[:-4].split(b"\r\n")
        pairs = [line.split(b": ", 1) for line in lines]
        return Response(int(first.split(b" ")[1]), [(p[0].lower(), p[1]) for p in pairs])

    async def response(self, bodiless: bool = False) -> Response:
        """Read a whole response. Raises Cut if it ends too early."""
        response = await self.head()
        if not bodiless:
            await self.body(response)
        return response

    async def body(self, response: Response) -> None:
        """Read the body behind this head. Raises Cut if it ends too early."""
        async with asyncio.timeout(self.seconds):
            try:
                if response.header(b"transfer-encoding") == b"chunked":
                    while chunk := await self.chunk():
                        response.body += chunk
                else:
                    length = int(response.header(b"content-length") or 0)
                    response.body = await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
                raise Cut from error

    async def chunk(self) -> bytes:
        """Read one chunk of a chunked body; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def closed(self) -> bool:
        """Wait for the end of the connection; True if nothing more came before it."""
        async with asyncio.timeout(self.seconds):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        with contextlib.suppress(OSError):  # in TLS also what came after the end
            await self.writer.wait_closed()

    def stop_reading(self) -> None:
        """Take nothing more off the socket, so that what is sent fills the buffers."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def reset(self) -> None:
        """Leave without a word: nothing that is unsent is sent, and the gateway gets a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class RawWorker(RawClient):
    """One connection to the worker port, which without a token knows its own names only."""

    host = b"127.0.0.1"
