"""Parked polls, and how requests reach them.

House rules: a poll ends when it has something, when its wait is over, when its worker is gone or
when the gateway stops; what it was handed and did not send goes back to its place in the queue. In
JSON a request goes out with its whole body, but a client that is slow to send it holds up nobody:
the body is waited for aside, and when the poll is over by then the request is queued again. A peer
sends only bodies that it has: the poll waits for these.
"""

import asyncio
from collections.abc import Callable

from prack_grpc.broker.seam import Membership, WorkerSide
from prack_grpc.core.errors import BadRoute, OutOfScope, TooManySessions
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import Principal
from prack_grpc.private.bodies import Gone
from prack_grpc.private.eager import Connection, Pause
from prack_grpc.private.errors import (
    BAD_PARAMETER,
    DRAINING,
    FORBIDDEN,
    TOO_MANY_POLLS,
    TOO_MANY_ROUTES,
    UNAUTHENTICATED,
    ApiError,
)
from prack_grpc.rest.ask import Ask, profile
from prack_grpc.rest.leases import Leases

# For what peers send; what else the poll was handed waits, too. A body that takes longer is queued
# again at its owner.
PEER_SECONDS = 2.0
# Takes an assignment whose body is not yet here; False to have it delivered as it is.
Collect = Callable[[Assignment, "Poll"], bool]


class Poll:
    """Implements `core.receivers.WorkReceiver` for one poll."""

    def __init__(self, ask: Ask, principal: Principal, leases: Leases, collect: Collect) -> None:
        self.worker = ask.worker
        self.principal = principal
        self.lease = ask.lease
        self._leases = leases
        self._collect = collect
        self.member: Membership | None = None
        self.collecting = False
        self.owed: set[asyncio.Task[None]] = set()  # bodies that peers are sending
        self.taken: list[Assignment] = []
        self.open, self.gone = True, False
        self.woken: Pause | None = None

    def deliver(self, assignment: Assignment) -> None:
        if assignment.bodiless or not self._collect(assignment, self):
            self.add(assignment)

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver. While the poll goes on, the worker has not got it."""
        if assignment not in self.taken:
            return
        if self.open:
            self.taken.remove(assignment)
        else:
            self._leases.cancel(assignment, self.principal, reason)

    def uploaded(self, assignment: Assignment) -> None:
        self._leases.wake(assignment)

    def grant(self, assignment: Assignment, offset: int) -> None:
        self._leases.wake(assignment)

    def add(self, assignment: Assignment) -> None:
        """This request can be sent now."""
        self.taken.append(assignment)
        self.rouse()

    def lost(self, error: object) -> None:
        """See Watcher: the worker has gone."""
        self.gone = True
        self.rouse()

    def rouse(self) -> None:
        """Something has happened to the poll."""
        if self.woken is not None:
            self.woken.end()


class Polls:
    """All polls of this gateway."""

    def __init__(self, broker: WorkerSide, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self.leases = Leases()
        self._parked: set[Poll] = set()
        self._collecting: set[asyncio.Task[None]] = set()
        self._hurrying = self._ending = False

    def hurry(self) -> None:
        """From now on polls wait at our successor; here only for bodies that are on their way."""
        self._hurrying = True
        for poll in self._parked:
            if not poll.collecting:
                poll.rouse()

    def end_all(self) -> None:
        """The gateway stops: from now on no poll waits, and each ends with an error."""
        self._ending = True
        for poll in self._parked:
            poll.rouse()

    def end(self, worker: str, principal: Principal | None) -> None:
        """The parked polls of this worker return: those of this principal, or of all."""
        for poll in self._parked:
            if poll.worker == worker and principal in (None, poll.principal):
                poll.rouse()

    def expel(self, principal: Principal) -> None:
        """The parked polls of this principal, which was revoked, end with an error."""
        for poll in self._parked:
            if poll.principal is principal:
                poll.rouse()
        for assignment in self.leases.waiting:
            self.leases.wake(assignment)

    async def pull(
        self,
        ask: Ask,
        principal: Principal,
        connection: Connection,
        whole: bool = True,
        address: str = "",
    ) -> list[Assignment]:
        """What comes for this poll; empty if nothing does.

        `whole` waits for complete bodies; without it one request comes at a time. The caller must
        send it without waiting for anything. Raises Gone, or ApiError.
        """
        poll = Poll(ask, principal, self.leases, self._collect if whole else _as_it_is)
        most = (whole and ask.most) or 1
        member = self._join(ask, most, poll, whole, address)
        gone = True
        try:
            gone = not poll.taken and await self._park(poll, ask.wait, connection)
            if poll.owed and not gone:
                await asyncio.wait(poll.owed, timeout=PEER_SECONDS)
        finally:
            poll.open = False
            self._broker.drain(member)
            most = 0 if gone or principal.revoked else most
            handed, rest = poll.taken[:most], poll.taken[most:]
            poll.taken = handed
            for assignment in rest:
                self._broker.put_back(assignment)
        if gone:
            raise Gone
        if principal.revoked:
            raise ApiError(UNAUTHENTICATED)
        if self._ending and not handed:
            raise ApiError(DRAINING)
        return handed

    def _join(self, ask: Ask, slots: int, poll: Poll, whole: bool, address: str) -> Membership:
        if len(ask.routes) > self._limits.session_routes:
            message = f"a worker may serve at most {self._limits.session_routes} routes"
            raise ApiError(BAD_PARAMETER, message, "routes")
        worker = profile(ask, slots, whole, address)
        try:
            poll.member = self._broker.join(worker, poll.principal, poll)
        except OutOfScope as error:
            raise ApiError(FORBIDDEN, str(error), error.field) from None
        except BadRoute as error:  # not the worker, the gateway has too many
            raise ApiError(TOO_MANY_ROUTES, str(error), "routes") from None
        except TooManySessions as error:
            raise ApiError(TOO_MANY_POLLS, str(error)) from None
        return poll.member

    async def _park(self, poll: Poll, wait: float, connection: Connection) -> bool:
        """Wait for something to happen. True if the worker has gone."""
        if not wait or self._ending or (self._hurrying and not poll.collecting):
            return False
        poll.woken = Pause()
        timer = poll.woken.get_loop().call_later(wait, poll.rouse)
        connection.watch(poll)
        self._parked.add(poll)
        try:
            await poll.woken
            return poll.gone
        finally:
            self._parked.discard(poll)
            connection.unwatch(poll)
            timer.cancel()

    # ------------------------------------------------------------ slow bodies

    def _collect(self, assignment: Assignment, poll: Poll) -> bool:
        if self._broker.received(assignment):
            return False
        poll.collecting = True
        collecting = self._collected(assignment, poll)
        task = asyncio.get_running_loop().create_task(collecting, name="collect")
        tasks = poll.owed if assignment.hosted else self._collecting
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return True

    async def _collected(self, assignment: Assignment, poll: Poll) -> None:
        # The worker does not have it yet: there is room for another one.
        if poll.member is not None and not assignment.hosted:
            self._broker.grow(poll.member)
        # Nor can it be silent about it: its lease counts once it has it.
        self._broker.extend(assignment, self._limits.head_timeout)
        if await self._broker.collect(assignment) is None:
            return
        if poll.open:
            # The worker's time counts from the last piece.
            self._broker.extend(assignment, poll.lease or self._limits.head_timeout)
            poll.add(assignment)
        else:
            self._broker.put_back(assignment)


def _as_it_is(assignment: Assignment, poll: Poll) -> bool:
    return False
