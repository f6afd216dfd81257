"""An application that a test plays by hand, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prack_worker.proxy.address import Address
from prack_worker.proxy.application import ProxyApplication
from prack_worker.proxy.upstream import Upstream
from prack_worker.testing import FakeExchange


class Talk:
    """One connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """The head of the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def body(self, size: int) -> bytes:
        """So many bytes after it."""
        return await self.reader.readexactly(size)

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def gone(self) -> bytes:
        """Wait until the other side closes; what came before that."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.close()


class Scripted:
    """Hands each connection to the test.

    Attributes:
        upstream: what relays to it.
        app: the same as an application of a worker.
        away: how often it could not be reached.
        talks: the connections that the test has not taken yet.
    """

    def __init__(
        self, address: Address, server: asyncio.Server, talks: asyncio.Queue[Talk]
    ) -> None:
        self._server = server
        self.upstream = Upstream(address)
        self.app = ProxyApplication(self.upstream, self._lose)
        self.away = 0
        self.talks = talks

    def _lose(self) -> None:
        self.away += 1

    def deaf(self) -> None:
        """Take no more connections; those that are open go on."""
        self._server.close()

    async def taken(self) -> Talk:
        """The next connection."""
        return await self.talks.get()

    @asynccontextmanager
    async def handling(self, exchange: FakeExchange) -> AsyncIterator[asyncio.Task[None]]:
        """The exchange is relayed meanwhile, and is done at the end."""
        task = asyncio.create_task(self.app.handle(exchange))
        try:
            yield task
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def scripted(path: Path | None = None) -> AsyncIterator[Scripted]:
    """One that listens, on a free port or on a Unix socket."""
    talks: asyncio.Queue[Talk] = asyncio.Queue()
    open_ones: list[Talk] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(Talk(reader, writer))
        talks.put_nowait(open_ones[-1])

    if path is None:
        server = await asyncio.start_server(take, "127.0.0.1", 0)
        found = Scripted(Address("127.0.0.1", server.sockets[0].getsockname()[1]), server, talks)
    else:
        server = await asyncio.start_unix_server(take, path)
        found = Scripted(Address(path=str(path)), server, talks)
    try:
        yield found
    finally:
        found.upstream.close()
        server.close()
        for talk in open_ones:
            talk.close()
        await server.wait_closed()
