"""Parked polls, and how requests reach them.

House rules: a poll ends when it has something, when its wait is over, when its worker is gone or
when the gateway stops; what it was handed and did not send goes back to the front of the queue. A
request goes out with its whole body, but a client that is slow to send it holds up nobody: the
body is waited for aside, and when the poll is over by then the request is queued again.
"""

import asyncio
from collections.abc import Callable

from starlette.types import Receive

from prack_grpc.broker.base import Broker
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import BadRoute, GatewayError, TooManySessions
from prack_grpc.core.exchange import Lease
from prack_grpc.core.limits import Limits
from prack_grpc.core.session import Session
from prack_grpc.rest.ask import Ask
from prack_grpc.rest.bodies import Gone
from prack_grpc.rest.errors import BAD_PARAMETER, DRAINING, TOO_MANY_POLLS, ApiError


class Poll:
    """Implements `broker.base.WorkerPort` for one poll."""

    def __init__(self, collect: Callable[[Lease, "Poll"], None]) -> None:
        self._collect = collect
        self.leases: list[Lease] = []
        self.open = True
        self.woken: asyncio.Future[None] | None = None

    def deliver(self, lease: Lease) -> None:
        """See WorkerPort."""
        if lease.exchange.upload.ended:
            self.add(lease)
        else:
            self._collect(lease, self)

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        """See WorkerPort. A worker that has it learns of this when it answers."""
        if lease in self.leases:
            self.leases.remove(lease)

    def uploaded(self, lease: Lease) -> None:
        """See WorkerPort."""

    def grant(self, lease: Lease, offset: int) -> None:
        """See WorkerPort."""

    def add(self, lease: Lease) -> None:
        """This request can be sent now."""
        self.leases.append(lease)
        self.wake()

    def wake(self) -> None:
        """Something has happened."""
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)


class Polls:
    """All polls of this gateway."""

    def __init__(self, broker: Broker, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self._parked: set[Poll] = set()
        self._collecting: set[asyncio.Task[None]] = set()
        self._ending = False

    def end_all(self) -> None:
        """The gateway stops: from now on no poll waits."""
        self._ending = True
        for poll in self._parked:
            poll.wake()

    async def pull(self, ask: Ask, receive: Receive) -> list[Lease]:
        """What comes for this poll, with whole bodies; empty if nothing does.

        The caller must send it without waiting for anything. Raises Gone, or ApiError.
        """
        poll, most = Poll(self._collect), ask.most or 1
        session = Session(ask.worker, most, False, poll, ask.routes, ask.service, ask.version)
        self._join(session)
        gone = True
        try:
            gone = not poll.leases and await self._park(poll, ask.wait, receive)
        finally:
            poll.open = False
            self._broker.drain(session)
            # The last one first, so that the oldest is in front again.
            for lease in reversed(poll.leases[0 if gone else most :]):
                self._broker.put_back(lease)
        if gone:
            raise Gone
        if self._ending and not poll.leases:
            raise ApiError(DRAINING)
        return poll.leases[:most]

    def _join(self, session: Session) -> None:
        try:
            self._broker.join(session)
        except BadRoute as error:
            raise ApiError(BAD_PARAMETER, str(error), "routes") from None
        except TooManySessions as error:
            raise ApiError(TOO_MANY_POLLS, str(error)) from None

    async def _park(self, poll: Poll, wait: float, receive: Receive) -> bool:
        """Wait for something to happen. True if the worker has gone."""
        if self._ending or not wait:
            return False
        loop = asyncio.get_running_loop()
        poll.woken = loop.create_future()
        timer = loop.call_later(wait, poll.wake)
        watch = loop.create_task(_disconnect(receive), name="poll-watch")
        watch.add_done_callback(lambda _: poll.wake())
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
        try:
            await self._broker.collect(lease)
        except GatewayError:
            return
        if poll.open:
            # The worker's time counts from the last piece.
            self._broker.extend(lease, self._limits.head_timeout)
            poll.add(lease)
        else:
            self._broker.put_back(lease)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
