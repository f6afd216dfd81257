"""The gateway's end of the REST sessions: who waits for what happens to a lease.

House rules: whoever waits looks at the state first and again after each wake-up, so a wake-up too
many does no harm; what a worker is told of clients that left is bounded, and only a hint.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from prack_grpc.core.effects import CancelReason
from prack_grpc.core.exchange.exchange import Lease

# Names of workers that cancellations are kept for, and cancellations of one name.
MAX_NAMES = 1000
MAX_CANCELLED = 100
# The name of workers that gave none; nobody could tell whose cancellations these are.
UNNAMED = "rest"


class Cancellations:
    """Hand-outs that nobody waits for any more, until the next reply to their worker."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[str]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, worker: str, identifier: str) -> None:
        """This worker has not yet been told of this hand-out. The oldest make room."""
        if worker == UNNAMED:
            return
        self._of.setdefault(worker, deque(maxlen=MAX_CANCELLED)).append(identifier)
        self._of.move_to_end(worker)
        if len(self._of) > MAX_NAMES:
            self._of.popitem(last=False)

    def take(self, worker: str) -> list[str]:
        """What this worker is told now, and not again."""
        return list(self._of.pop(worker, ()))


class Port:
    """Implements `broker.base.WorkerPort`; all that happens to a lease wakes who waits for it."""

    def __init__(self, cancelled: Cancellations) -> None:
        self._cancelled = cancelled
        self._waiting: dict[Lease, set[asyncio.Future[None]]] = {}
        # Who passes on the answer to a lease piece by piece: there can be only one.
        self.writers: dict[Lease, Any] = {}
        # Leases whose request body is on its way to the worker.
        self.reading: set[Lease] = set()

    def deliver(self, lease: Lease) -> None:
        """See WorkerPort."""
        raise NotImplementedError

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        """See WorkerPort. A worker that sent what makes no response is told so at once."""
        if reason is not CancelReason.BAD_RESPONSE:
            self._cancelled.add(lease.session.worker, lease.identifier)
        self.wake(lease)

    def uploaded(self, lease: Lease) -> None:
        """See WorkerPort."""
        self.wake(lease)

    def grant(self, lease: Lease, offset: int) -> None:
        """See WorkerPort."""
        self.wake(lease)

    def wake(self, lease: Lease) -> None:
        """Something has happened to this lease."""
        for future in self._waiting.get(lease, ()):
            if not future.done():
                future.set_result(None)

    async def event(
        self, lease: Lease, other: asyncio.Future[Any] | None = None, seconds: float | None = None
    ) -> None:
        """Return when something has happened to this lease, `other` is done or time is over."""
        woken = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(lease, set())
        waiting.add(woken)
        both = (woken,) if other is None else (woken, other)
        try:
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            waiting.discard(woken)
            if not waiting and self._waiting.get(lease) is waiting:
                del self._waiting[lease]


async def disconnect(receive: Callable[[], Awaitable[Any]]) -> None:
    """Wait until the worker has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
