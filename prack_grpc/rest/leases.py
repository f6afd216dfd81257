"""The leases of REST workers: who waits for what happens to one.

House rules: whoever waits looks at the state first and again after each wake-up, so a wake-up too
many does no harm; what a worker is told of clients that left is bounded, and only a hint.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from starlette.types import Receive

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import Principal
from prack_grpc.turns import Turns

T = TypeVar("T")

# Names of workers that cancellations are kept for, and cancellations of one name.
MAX_NAMES = 1000
MAX_CANCELLED = 100
# Large answers that are read on in a turn of the loop; each costs it some 0.3 ms.
UPLOADS = 4
# The name of workers that gave none; nobody could tell whose cancellations these are.
UNNAMED = "rest"
# A worker has its name among those with its credentials.
Name = tuple[Principal, str]


class Cancellations:
    """Hand-outs that nobody waits for any more, until the next reply to their worker."""

    def __init__(self) -> None:
        self.of: OrderedDict[Name, deque[str]] = OrderedDict()

    def add(self, name: Name, identifier: str) -> None:
        """This worker has not yet been told of this hand-out. The oldest make room."""
        if name[1] == UNNAMED:
            return
        self.of.setdefault(name, deque(maxlen=MAX_CANCELLED)).append(identifier)
        self.of.move_to_end(name)
        if len(self.of) > MAX_NAMES:
            self.of.popitem(last=False)

    def take(self, name: Name) -> list[str]:
        """What this worker is told now, and not again."""
        return list(self.of.pop(name, ()))


class Leases:
    """Who waits for what happens to the assignments of polls, and who works on them."""

    def __init__(self) -> None:
        self.cancelled = Cancellations()
        self.waiting: dict[Assignment, set[Callable[[], None]]] = {}
        # Who passes on an answer piece by piece: there can be only one.
        self._writers: WeakKeyDictionary[Assignment, object] = WeakKeyDictionary()
        # Whose request body is on its way to the worker.
        self.reading: set[Assignment] = set()
        self._turns = Turns(UPLOADS)

    def cancel(self, assignment: Assignment, principal: Principal, reason: CancelReason) -> None:
        """Nobody waits for it. A worker that sent what makes no response is told so at once."""
        if reason is not CancelReason.BAD_RESPONSE:
            self.cancelled.add((principal, assignment.worker), assignment.identifier)
        self.wake(assignment)

    def writer(self, assignment: Assignment) -> object | None:
        """Who passes on its answer."""
        return self._writers.get(assignment)

    def claim(self, assignment: Assignment, writer: object) -> bool:
        """This one answers from now on, and nobody else. False if somebody does already."""
        return self._writers.setdefault(assignment, writer) is writer

    async def turn(self) -> None:
        """Wait for the turn of the loop in which a large answer goes on, of however many."""
        come = asyncio.Event()
        self._turns.wait(come.set)
        await come.wait()

    def wake(self, assignment: Assignment) -> None:
        """Something has happened to it."""
        for call in tuple(self.waiting.get(assignment, ())):
            call()

    def listen(self, assignment: Assignment, call: Callable[[], None]) -> None:
        """Call this when something has happened to it."""
        self.waiting.setdefault(assignment, set()).add(call)

    def forget(self, assignment: Assignment, call: Callable[[], None]) -> None:
        """Call this no more."""
        calls = self.waiting[assignment]
        calls.discard(call)
        if not calls:
            del self.waiting[assignment]

    async def event(
        self,
        assignment: Assignment,
        other: "asyncio.Future[T] | None" = None,
        seconds: float | None = None,
    ) -> None:
        """Return when something has happened to it, `other` is done or time is over."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        self.listen(assignment, wake)
        both = (woken,) if other is None else (woken, other)
        try:
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            self.forget(assignment, wake)


async def disconnect(receive: Receive) -> None:
    """Wait until the worker has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
