"""A small HTTP/1.1 client of asyncio, fast enough not to be what is measured.

It understands what the contenders answer: responses with a Content-Length, and 204.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import uvloop

T = TypeVar("T")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Broken(Exception):
    """The connection ended before the response did."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run this on an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def get(target: str = "/") -> bytes:
    """A request, with about as many fields as a browser's."""
    return GET % target.encode()


GET = b"\r\n".join((
    b"GET %b HTTP/1.1",
    b"Host: shop.example.com",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"Accept-Language: en-GB,en;q=0.5",
    b"Accept-Encoding: gzip, deflate, br",
    b"Cookie: session=0123456789abcdef0123456789abcdef",
    b"",
    b"",
))  # fmt: skip


def post(size: int) -> bytes:
    """The head of a request with a body of this size."""
    return b"POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: %d\r\n\r\n" % size


class Connection(asyncio.Protocol):
    """One request at a time. `on_end` is called when the connection is gone."""

    def __init__(self, on_end: "Callable[[Connection], None]" = lambda _: None) -> None:
        self._on_end = on_end
        self._buffer = b""
        self._need = 0  # bytes of the response, 0 while its head is incomplete
        self._body = 0  # where its body begins
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport

    @classmethod
    async def open(
        cls, port: int, on_end: "Callable[[Connection], None]" = lambda _: None
    ) -> "Connection":
        """Connect to this port of the loopback address. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(on_end), "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the response. Raises Broken."""
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Leave."""
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if not self._need and (end := buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(buffer, 0, end)
            self._body = end + 4
            self._need = self._body + (int(length[1]) if length else 0)
        if self._need and len(buffer) >= self._need and self._waiter:
            self._buffer, self._need = b"", 0
            waiter, self._waiter = self._waiter, None
            if not waiter.done():
                waiter.set_result((int(buffer[9:12]), buffer[self._body :]))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(Broken(str(exc or "the server closed the connection")))
        self._on_end(self)


class Pool:
    """Connections to one port that are kept; there are as many as requests under way at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """See Connection.ask. Raises OSError as well."""
        connection = self._idle.pop() if self._idle else await self._open()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """End those that are idle."""
        for connection in list(self._idle):
            connection.close()

    async def _open(self) -> Connection:
        return await Connection.open(self._port, self._forget)

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


async def many(port: int, count: int, at_once: int = 200) -> list[Connection]:
    """So many connections, opened a few at a time. Raises OSError."""
    found: list[Connection] = []
    while len(found) < count:
        some = min(at_once, count - len(found))
        found += await asyncio.gather(*(Connection.open(port) for _ in range(some)))
    return found
