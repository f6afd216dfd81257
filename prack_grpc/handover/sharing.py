"""How two gateways share the slots of workers, while one replaces the other.

They say the words of `core/succession` on a connection of their own, as lines of JSON; each line is
a list of them. When it ends, the other has gone.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from prack_grpc.broker.seam import Overlap
from prack_grpc.core.succession.claims import Allowed, Claim
from prack_grpc.handover.predecessor import Predecessor

MAX_LINE = 16 * 1024 * 1024  # for all workers that there may be
Word = TypeVar("Word")


class Sharing:
    """What a gateway shares, first with the one before it, and later with the one after it."""

    def __init__(self, overlap: Overlap) -> None:
        self._overlap = overlap
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    async def follow(self, predecessor: Predecessor) -> None:
        """Share with the gateway that we replace. No worker may have come before this returns."""
        ours, theirs = socket.socketpair()
        link = await Link.over(ours)
        heard = self._overlap.follow(link.tell)
        self._begin(self._follow(predecessor, theirs, link, heard))

    def leave(self, sock: socket.socket) -> None:
        """Share with the gateway that replaces us, on this connection."""
        if self._ended:
            sock.close()
        else:
            self._begin(self._leave(sock))

    async def end(self) -> None:
        """Stop it. Who comes later is left alone: nobody would see to the end of that."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work, name="sharing"))

    async def _follow(
        self,
        predecessor: Predecessor,
        theirs: socket.socket,
        link: "Link",
        heard: Callable[[Iterable[Claim]], None],
    ) -> None:
        try:
            with suppress(OSError):
                await predecessor.share(theirs)
                await link.listen(Claim.of, heard)
        finally:
            self._overlap.end()
            link.close()

    async def _leave(self, sock: socket.socket) -> None:
        link = await Link.over(sock)
        try:
            await link.listen(Allowed.of, self._overlap.leave(link.tell))
        finally:
            self._overlap.end()
            link.close()


class Link:
    """One end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> "Link":
        """On this socket."""
        return cls(*await asyncio.open_connection(sock=sock, limit=MAX_LINE))

    def tell(self, words: Sequence[Claim] | Sequence[Allowed]) -> None:
        """Send a line, unless the connection has ended."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(words).encode() + b"\n")

    async def listen(
        self, read: Callable[..., Word], heard: Callable[[Iterable[Word]], None]
    ) -> None:
        """Pass on the words that come, until the connection ends."""
        # An older version knows nothing of it, and answers as to a request.
        with suppress(ConnectionError, ValueError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                heard([read(*row) for row in json.loads(line)])

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
