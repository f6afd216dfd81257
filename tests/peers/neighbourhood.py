"""Gateways reduced to their links: a broker, and ports that answer what they are sent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Identifiers
from prack_grpc.bus.folder import Folder
from prack_grpc.bus.link import Meeting
from prack_grpc.core.limits import Limits
from prack_grpc.peers.neighbours import Neighbours
from prack_grpc.peers.peer import Here
from tests.peers.waiting import SECONDS, until

PORT = "rest"


class Beside:
    """One gateway; `moved` has what it was told of workers elsewhere."""

    def __init__(self, name: str, meetings: Sequence[Meeting]) -> None:
        self.name = name
        self.moved: list[tuple[str, str, bytes]] = []
        self.broker = LinkedBroker(Limits())
        self._serving: set[asyncio.Task[None]] = set()
        adopt = {PORT: self._adopt}
        here = Here(
            name,
            self.broker,
            Limits(),
            Identifiers().next,
            adopt,
            lambda *worker: self.moved.append(worker),
        )
        self.neighbours = Neighbours(here)
        self._run = asyncio.create_task(self.neighbours.run(meetings))

    def _adopt(self, sock: socket.socket) -> None:
        serving = asyncio.create_task(_echo(sock))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def leave(self) -> None:
        """End all links."""
        self._run.cancel()
        with suppress(asyncio.CancelledError):
            await self._run
        if self._serving:
            async with asyncio.timeout(SECONDS):
                await asyncio.wait(self._serving)


async def _echo(sock: socket.socket) -> None:
    """Send everything back."""
    reader, writer = await asyncio.open_connection(sock=sock)
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()  # who does not read is gone


@asynccontextmanager
async def beside(*folders: Path, names: Sequence[str]) -> AsyncIterator[list[Beside]]:
    """All of these, linked: each meets the others in each folder."""
    found = [Beside(name, [Folder(path, name) for path in folders]) for name in names]
    try:
        await until(lambda: all(len(one.neighbours.names()) == len(names) - 1 for one in found))
        yield found
    finally:
        for one in found:
            await one.leave()
