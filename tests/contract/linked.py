"""Two brokers that are linked: what waits in the one is answered by workers of the other."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError, LeaseError, SlotGone
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Request
from prack_grpc.core.lending.offer import Offer
from tests.contract.relay import Call, Relay


class Borrowed(Relay):
    """Implements `core.receivers.WorkReceiver` for the workers of a peer."""

    def __init__(self, upper: LinkedBroker, lower: LinkedBroker, there: "End", number: int) -> None:
        super().__init__(upper, lower)
        self._here = upper
        self._host = lower
        self._there = there
        self._number = number

    def call(self, assignment: Assignment) -> Call:
        """See Relay."""
        return HostedCall(self._here, self._host, self._there, self._number, assignment)


class HostedCall(Call):
    """One exchange on its way over a link."""

    def __init__(
        self,
        upper: LinkedBroker,
        lower: LinkedBroker,
        there: "End",
        number: int,
        assignment: Assignment,
    ) -> None:
        super().__init__(upper, lower, self._hosted, assignment)
        self._owner = upper
        self._host = lower
        self._there = there
        self._number = number
        self._handed = assignment

    def _hosted(self, request: Request, body: bytes, end: bool) -> Ticket:
        ticket = Ticket(asyncio.get_running_loop(), secrets.token_hex(16))
        self._free = self._there.free[ticket.id] = asyncio.Event()
        self._host.host(self._there, self._number, ticket, request, body, end)
        return ticket

    async def run(self) -> None:
        """See Call."""
        with suppress(LeaseError):
            try:
                await super().run()
            except SlotGone:
                self._owner.put_back(self._handed)

    async def left(self) -> None:
        """See Call. The slot is free when the worker there has let go."""
        await self._free.wait()
        await super().left()

    def failed(self, error: GatewayError) -> None:
        """See Call."""
        if error.kind is errors.WORKER_LOST:
            self._owner.lost(self._handed, error.detail)
        else:
            super().failed(error)


class End:
    """Implements `core.receivers.PeerReceiver`: tells it to the broker of the other end, later."""

    gateway = "0badcafe"

    def __init__(self, near: LinkedBroker, far: LinkedBroker) -> None:
        self._near = near
        self._far = far
        self.there = self
        self.free: dict[str, asyncio.Event] = {}
        self.borrowed: list[Borrowed] = []

    def _tell(self, verb: Callable[..., None], *words: object) -> None:
        asyncio.get_running_loop().call_soon(verb, self.there, *words)

    def offer(self, number: int, offer: Offer) -> None:
        """See PeerReceiver."""
        guests = Borrowed(self._far, self._near, self, number)
        self.borrowed.append(guests)
        self._tell(self._far.offered, number, offer, guests)

    def gone(self, number: int) -> None:
        """See PeerReceiver."""
        self._tell(self._far.withdrawn, number)

    def lend(self, number: int, slots: int, returned: int) -> None:
        """See PeerReceiver."""
        self._tell(self._far.lent, number, slots, returned)

    def recall(self, number: int, count: int) -> None:
        """See PeerReceiver."""
        self._tell(self._far.recall, number, count)

    def released(self, id_: str) -> None:
        """See PeerReceiver."""
        self.free.pop(id_).set()

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        """See PeerReceiver."""
        self._tell(self._far.wanted, number, count, oldest, urgency)

    def give_back(self, number: int, count: int) -> None:
        """See PeerReceiver."""
        self._tell(self._far.returned, number, count)


def link(upper: LinkedBroker, lower: LinkedBroker) -> list[Borrowed]:
    """Returns what is borrowed by the upper one, whatever that will be."""
    ends = End(upper, lower), End(lower, upper)
    ends[0].there, ends[1].there = ends[1], ends[0]
    upper.link(ends[0])
    lower.link(ends[1])
    return ends[1].borrowed
