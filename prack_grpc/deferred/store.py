"""Where jobs are kept: the one narrow seam below which a file or a server can stand."""

from dataclasses import dataclass
from typing import Protocol

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import Event
from prack_grpc.core.errors import PrackError
from prack_grpc.deferred.job import Answer, Job


class BadStore(Exception):
    """What is to be the store cannot be used; the message says why and what to do."""


class StoreFailed(PrackError):
    """The store cannot do it now; nothing was changed. The message says why."""


class StoreFull(PrackError):
    """There is no room for another job."""


class KeyReused(PrackError):
    """Another request has come with this key."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an attempt has made of a job: the event, and what is to be remembered."""

    event: Event
    attempts: int
    due: float
    reason: str
    answer: Answer | None = None


class Store(Protocol):
    """Each call is durable when it returns: a power cut loses nothing of it.

    Times are Unix times. All may raise StoreFailed.
    """

    async def add(self, job: Job) -> str:
        """Keep a new job. Returns its id, or that of the earlier one with the same key.

        Raises StoreFull, or KeyReused if the digests differ.
        """

    async def find(self, id_: str) -> Job | None:
        """The job of this name, without its body."""

    async def body(self, id_: str) -> bytes:
        """The body of its request; empty once it was answered."""

    async def lead(self) -> bool:
        """Become who takes jobs, if no other process does.

        To be called once more only after False. What was taken by one that has died waits again.
        """

    def resign(self) -> None:
        """Nothing that was taken is open, and no more is: another process may lead."""

    async def take(self, now: float, most: int, full: frozenset[str]) -> list[Job]:
        """Jobs that are due, at most so many, of lines that are not `full`; the oldest first.

        Their attempts are counted already, so that one that is taken again says so.
        """

    async def settle(self, id_: str, change: Change, then: Job | None = None) -> None:
        """Write how an attempt ended, and keep a job that follows from it, both or neither."""

    async def dead(self, most: int) -> list[Job]:
        """The dead letters, the newest first, without their bodies."""

    async def again(self, id_: str, now: float) -> bool:
        """Have a dead letter tried from its first attempt on. False if it is none."""

    async def drop(self, id_: str) -> bool:
        """Forget a dead letter. False if it is none."""

    async def count(self) -> Counts:
        """How many there are."""

    async def forget(self, before: float) -> None:
        """Forget what was answered before this time."""

    async def close(self) -> None:
        """Finish what was asked, and let go of the store."""
