"""The connection on which two gateways share the slots of workers, while one replaces the other.

The words of `core/succession`, as lines of JSON; each line is a list of them. It ends with one of the
two. Then all slots are the other's.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from typing import Any, TypeVar

from prack_grpc.broker.seam import Overlap
from prack_grpc.core.succession.claims import Allowed, Claim
from prack_grpc.handover.predecessor import Predecessor

MAX_LINE = 16 * 1024 * 1024  # of all workers that there may be
Word = TypeVar("Word", Claim, Allowed)


class Sharing:
    """One end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> "Sharing":
        """On this connection."""
        return cls(*await asyncio.open_connection(sock=sock, limit=MAX_LINE))

    def tell(self, words: Sequence[Claim] | Sequence[Allowed]) -> None:
        """Send a line."""
        self._writer.write(json.dumps(words).encode() + b"\n")

    async def listen(self, kind: type[Word], heard: Callable[[Iterable[Word]], None]) -> None:
        """Pass on the words of this kind, until the connection ends."""
        # An older gateway knows nothing of it, and answers as to a request.
        with suppress(ConnectionError, ValueError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                heard([_word(kind, row) for row in json.loads(line)])

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


@asynccontextmanager
async def sharing(
    overlap: Overlap, predecessor: Predecessor | None
) -> AsyncIterator[Callable[[socket.socket], None]]:
    """Share with the predecessor, if there is one; yields what shares with a successor.

    No worker may come before this is entered.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    if predecessor:
        ours, theirs = socket.socketpair()
        link = await Sharing.over(ours)
        heard = overlap.follow(link.tell)
        following = _follow(overlap, predecessor, theirs, link, heard)
        tasks.add(loop.create_task(following, name="sharing"))

    def share(sock: socket.socket) -> None:
        tasks.add(loop.create_task(_leave(overlap, sock), name="sharing"))

    try:
        yield share
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(
    overlap: Overlap,
    predecessor: Predecessor,
    theirs: socket.socket,
    link: Sharing,
    heard: Callable[[Iterable[Claim]], None],
) -> None:
    with closing(link):
        with suppress(OSError):
            await predecessor.share(theirs)
            await link.listen(Claim, heard)
        overlap.end()


async def _leave(overlap: Overlap, sock: socket.socket) -> None:
    with closing(await Sharing.over(sock)) as link:
        await link.listen(Allowed, overlap.leave(link.tell))
        overlap.end()


def _word(kind: type[Word], row: list[Any]) -> Word:
    """JSON has lists for the two numbers of slots."""
    return kind(*(tuple(value) if isinstance(value, list) else value for value in row))
