"""Who the other gateways of one queue are, and how they are reached."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Port = Literal["rest", "admin"]


@dataclass(frozen=True, slots=True)
class Row:
    """One neighbour, as far as it is known; null is what is not.

    `round_trip` is in seconds. So many slots are `lent` to it and `borrowed` from it, and so many
    requests are `wanted` by it, and of it.
    """

    gateway: str
    link: str
    round_trip: float | None = None
    lent: int | None = None
    borrowed: int | None = None
    wanted_by: int | None = None
    wanted_of: int | None = None


class Neighbours(Protocol):
    """The gateways that are linked to this one, by id: 8 hexadecimal digits, new at each start."""

    def names(self) -> Sequence[str]:
        """Their ids now."""

    def rows(self) -> list[Row]:
        """How each of them is."""

    async def changed(self) -> None:
        """Waits until others are linked than at the call."""

    async def dial(
        self, gateway: str, port: Port
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to this private port of a neighbour. Raises ConnectionError."""


class Alone:
    """There is one gateway."""

    def names(self) -> Sequence[str]:
        """See Neighbours."""
        return ()

    def rows(self) -> list[Row]:
        """See Neighbours."""
        return []

    async def changed(self) -> None:
        """See Neighbours."""
        await asyncio.get_running_loop().create_future()

    async def dial(
        self, gateway: str, port: Port
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See Neighbours."""
        raise ConnectionRefusedError(f"{gateway} is no neighbour of this gateway ({port})")


ALONE: Neighbours = Alone()


class Expected:
    """Those of a gateway that is not up yet: there are none before they are `found`."""

    def __init__(self) -> None:
        self._found = ALONE
        self._come = asyncio.Event()

    def found(self, neighbours: Neighbours) -> None:
        """These are they."""
        self._found = neighbours
        self._come.set()

    def names(self) -> Sequence[str]:
        """See Neighbours."""
        return self._found.names()

    def rows(self) -> list[Row]:
        """See Neighbours."""
        return self._found.rows()

    async def changed(self) -> None:
        """See Neighbours."""
        if not self._come.is_set():
            await self._come.wait()
        else:
            await self._found.changed()

    async def dial(
        self, gateway: str, port: Port
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See Neighbours."""
        return await self._found.dial(gateway, port)


@dataclass(frozen=True, slots=True)
class Cluster:
    """This gateway, by id and as the `process` of its machine if it is one of several, and the
    gateways beside it.
    """

    own: str
    neighbours: Neighbours = ALONE
    process: str = ""

    def mark(self) -> dict[str, str]:
        """What tells its log lines from those of others, while there are any."""
        return {"gateway": self.own} if self.neighbours.names() else {}

    def labels(self) -> dict[str, str]:
        """The same for its figures; lines have the process already."""
        mark = self.mark()
        return mark | {"process": self.process} if mark and self.process else mark
