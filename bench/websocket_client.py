"""A WebSocket client that sends one short message at a time and waits for its echo (RFC 6455)."""

import asyncio
from time import monotonic
from typing import cast

HANDSHAKE = b"\r\n".join((
    b"GET / HTTP/1.1",
    b"Host: shop.example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"",
    b"",
))  # fmt: skip
BINARY, PING, PONG = 0x82, 0x89, 0x8A


def frame(kind: int, data: bytes) -> bytes:
    """A final frame of fewer than 126 bytes (section 5.2); masked with zeros, it stays as it is."""
    return bytes((kind, 0x80 | len(data))) + bytes(4) + data


MESSAGE = frame(BINARY, bytes(64))


class Refused(Exception):
    """The server did not open the WebSocket, or has closed it."""


class Socket(asyncio.Protocol):
    """One WebSocket."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._opened = False
        self._waiter: asyncio.Future[None] = self._loop.create_future()
        self.transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int) -> "Socket":
        """Raises Refused or OSError."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(cls, "127.0.0.1", port)
        socket.transport.write(HANDSHAKE)
        await socket._waiter
        return socket

    async def echo(self) -> float:
        """Milliseconds from a message to its echo. Raises Refused."""
        self._waiter = self._loop.create_future()
        start = monotonic()
        self.transport.write(MESSAGE)
        await self._waiter
        return (monotonic() - start) * 1000

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        if not self._opened and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            self._opened = self._buffer.startswith(b"HTTP/1.1 101")
            self._wake(None if self._opened else Refused(self._buffer[:60]))
            self._buffer = self._buffer[end + 4 :]
        while self._opened and len(self._buffer) > 1 and len(self._buffer) > 1 + self._buffer[1]:
            end = 2 + self._buffer[1]
            self._take(self._buffer[0], self._buffer[2:end])
            self._buffer = self._buffer[end:]

    def _take(self, kind: int, data: bytes) -> None:
        if kind == BINARY:
            self._wake(None)
        elif kind == PING:
            self.transport.write(frame(PONG, data))
        else:
            self._wake(Refused(f"the server sent a frame {kind:x}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._wake(Refused("the server closed the connection"))

    def _wake(self, error: Exception | None) -> None:
        if self._waiter.done():
            return
        if error:
            self._waiter.set_exception(error)
        else:
            self._waiter.set_result(None)
