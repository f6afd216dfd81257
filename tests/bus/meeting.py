"""Gateways that meet in a folder, reduced to what they say to each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prack_grpc.bus.folder import Folder
from prack_grpc.bus.link import Link

SECONDS = 10.0


class Heard:
    """Implements `bus.link.LinkReceiver`: remembers what came over its link."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.reasons: list[str] = []
        self.over = asyncio.Event()

    def received(self, message: bytes) -> None:
        self.messages.put_nowait(message)

    def ended(self, reason: str) -> None:
        self.reasons.append(reason)
        self.over.set()

    async def next(self) -> bytes:
        """The next message."""
        async with asyncio.timeout(SECONDS):
            return await self.messages.get()

    async def end(self) -> str:
        """Wait for the end of the link; the reason."""
        async with asyncio.timeout(SECONDS):
            await self.over.wait()
        return self.reasons[0]


class Visitor:
    """Who meets others in a folder."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.linked: list[Heard] = []
        self.others: set[str] = set()  # who has another link
        self._news = asyncio.Event()
        self.task = asyncio.create_task(Folder(path, name).run(self._link, self.wants))

    def wants(self, peer: str) -> bool:
        """See Meeting."""
        return peer not in self.others

    def _link(self, link: Link) -> Heard:
        self.linked.append(Heard(link))
        self._news.set()
        return self.linked[-1]

    async def peer(self, name: str) -> Heard:
        """The link with this peer that is up, once there is one."""
        async with asyncio.timeout(SECONDS):
            while True:
                for heard in self.linked:
                    if heard.link.peer == name and not heard.over.is_set():
                        return heard
                self._news.clear()
                await self._news.wait()

    async def leave(self) -> None:
        """Stop."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def visiting(path: Path, *names: str) -> AsyncIterator[list[Visitor]]:
    """All of these come at the same moment."""
    visitors = [Visitor(path, name) for name in names]
    try:
        yield visitors
    finally:
        for visitor in visitors:
            await visitor.leave()
