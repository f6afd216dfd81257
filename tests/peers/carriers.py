"""A link in memory, for tests of one end: what was sent is read as messages."""

import asyncio

from prack.link.v1 import link_pb2 as link


class Wire:
    """Implements `bus.link.Link`; it is full whenever a test says so."""

    def __init__(self, peer: str = "0000000b") -> None:
        self.peer = peer
        self.sent: list[link.LinkMessage] = []
        self.reasons: list[str] = []
        self.quiet = 0.0
        self._free = asyncio.Event()
        self._free.set()

    def send(self, message: bytes) -> None:
        self.sent.append(link.LinkMessage.FromString(message))

    def post(self, *messages: bytes) -> None:
        """See Link. Nothing waits here."""
        for message in messages:
            self.send(message)

    async def room(self) -> None:
        await self._free.wait()

    def silence(self) -> float:
        return self.quiet

    def close(self, reason: str) -> None:
        self.reasons.append(reason)

    def fill(self) -> None:
        """It takes no more."""
        self._free.clear()

    def drain(self) -> None:
        """There is room again."""
        self._free.set()


async def turns(count: int = 5) -> None:
    """Let what is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)
