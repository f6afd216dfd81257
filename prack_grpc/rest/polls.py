"""Parked polls, and how requests reach them.

House rules: a poll ends when it has something, when its wait is over, when its worker is gone or
when the gateway stops; what it was handed and did not send goes back to the front of the queue. In
JSON a request goes out with its whole body, but a client that is slow to send it holds up nobody:
the body is waited for aside, and when the poll is over by then the request is queued again.
"""

import asyncio
from collections.abc import Callable

from starlette.types import Receive

from prack_grpc.broker.seam import Broker
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import BadRoute, GatewayError, TooManySessions
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.session import Session
from prack_grpc.core.limits import Limits
from prack_grpc.rest.ask import Ask
from prack_grpc.rest.bodies import Gone
from prack_grpc.rest.errors import BAD_PARAMETER, DRAINING, TOO_MANY_POLLS, ApiError
from prack_grpc.rest.leases import Cancellations, Port, disconnect


class Poll(Port):
    """One poll. `collect` is for leases whose body is not yet here, None to take them as well."""

    def __init__(
        self,
        worker: str,
        cancelled: Cancellations,
        collect: Callable[[Lease, "Poll"], None] | None,
    ) -> None:
        super().__init__(cancelled)
        self.worker = worker
        self._collect = collect
        self.collecting = False
        self.leases: list[Lease] = []
        self.open = True
        self.woken: asyncio.Future[None] | None = None

    def deliver(self, lease: Lease) -> None:
        """See WorkerPort."""
        if self._collect is None or lease.exchange.upload.ended:
            self.add(lease)
        else:
            self.collecting = True
            self._collect(lease, self)

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        """See WorkerPort. While the poll goes on, the worker has not got it."""
        if lease not in self.leases:
            return
        if self.open:
            self.leases.remove(lease)
        else:
            super().cancel(lease, reason)

    def add(self, lease: Lease) -> None:
        """This request can be sent now."""
        self.leases.append(lease)
        self.rouse()

    def rouse(self) -> None:
        """Something has happened to the poll."""
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)


class Polls:
    """All polls of this gateway."""

    def __init__(self, broker: Broker, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self._parked: set[Poll] = set()
        self._collecting: set[asyncio.Task[None]] = set()
        self._hurrying = self._ending = False
        self.cancelled = Cancellations()

    def hurry(self) -> None:
        """From now on polls wait at our successor; here only for bodies that are on their way."""
        self._hurrying = True
        for poll in self._parked:
            poll.rouse()

    def end_all(self) -> None:
        """The gateway stops: from now on no poll waits, and each ends with an error."""
        self._ending = True
        for poll in self._parked:
            poll.rouse()

    def end(self, worker: str) -> None:
        """The parked polls of this worker return."""
        for poll in self._parked:
            if poll.worker == worker:
                poll.rouse()

    async def pull(self, ask: Ask, receive: Receive, whole: bool = True) -> list[Lease]:
        """What comes for this poll; empty if nothing does. `whole` waits for complete bodies.

        The caller must send it without waiting for anything. Raises Gone, or ApiError.
        """
        poll = Poll(ask.worker, self.cancelled, self._collect if whole else None)
        most = ask.most or 1
        session = Session(
            ask.worker,
            most,
            False,
            poll,
            ask.routes,
            ask.service,
            ask.version,
            ask.kinds,
            tier=ask.tier,
            lease=ask.lease,
        )
        self._join(session)
        gone = True
        try:
            gone = not poll.leases and await self._park(poll, ask.wait, receive)
        finally:
            poll.open = False
            self._broker.drain(session)
            # The last one first, so that the oldest is in front again.
            handed, rest = ([], poll.leases) if gone else (poll.leases[:most], poll.leases[most:])
            poll.leases = handed
            for lease in reversed(rest):
                self._broker.put_back(lease)
        if gone:
            raise Gone
        if self._ending and not handed:
            raise ApiError(DRAINING)
        return handed

    def _join(self, session: Session) -> None:
        try:
            self._broker.join(session)
        except BadRoute as error:
            raise ApiError(BAD_PARAMETER, str(error), "routes") from None
        except TooManySessions as error:
            raise ApiError(TOO_MANY_POLLS, str(error)) from None

    async def _park(self, poll: Poll, wait: float, receive: Receive) -> bool:
        """Wait for something to happen. True if the worker has gone."""
        if not wait or self._ending or (self._hurrying and not poll.collecting):
            return False
        loop = asyncio.get_running_loop()
        poll.woken = loop.create_future()
        timer = loop.call_later(wait, poll.rouse)
        watch = loop.create_task(disconnect(receive), name="poll-watch")
        watch.add_done_callback(lambda _: poll.rouse())
        self._parked.add(poll)
        try:
            await poll.woken
            return watch.done()
        finally:
            self._parked.discard(poll)
            timer.cancel()
            watch.cancel()

    # ------------------------------------------------------------ slow bodies

    def _collect(self, lease: Lease, poll: Poll) -> None:
        task = asyncio.get_running_loop().create_task(self._collected(lease, poll), name="collect")
        self._collecting.add(task)
        task.add_done_callback(self._collecting.discard)

    async def _collected(self, lease: Lease, poll: Poll) -> None:
        session = lease.session
        # The worker does not have it yet: there is room for another one.
        self._broker.resize(session, session.slots + 1)
        # Nor can it be silent about it: its lease counts once it has it.
        self._broker.extend(lease, self._limits.head_timeout)
        try:
            await self._broker.collect(lease)
        except GatewayError:
            return
        if poll.open:
            # The worker's time counts from the last piece.
            self._broker.extend(lease, session.lease or self._limits.head_timeout)
            poll.add(lease)
        else:
            self._broker.put_back(lease)
