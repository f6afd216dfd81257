"""The broker of a gateway that has peers: the one in memory, and the side that links use."""

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.flow import NO_BODY, begun
from prack_grpc.core.http.message import Request
from prack_grpc.core.lending.lending import Lending
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.lending.status import LinkStatus
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import PeerReceiver, WorkReceiver


class LinkedBroker(MemoryBroker):
    """Implements `broker.seam.LinkedBroker`. As long as there are no peers it is as any other."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._lending = Lending(self.dispatcher, self._hand_out)

    # ------------------------------------------------------------ PeerSide

    def link(self, peer: PeerReceiver) -> None:
        self._perform(self._lending.link(peer))

    def unlink(self, peer: PeerReceiver) -> None:
        for exchange in self._lending.hosted(peer):
            if isinstance(exchange.client, Ticket):
                self.leave(exchange.client)
        self._perform(self._lending.unlink(peer, self._now()))

    def offered(
        self, peer: PeerReceiver, number: int, offer: Offer, receiver: WorkReceiver
    ) -> None:
        self._perform(self._lending.offered(peer, number, offer, receiver, self._now()))

    def withdrawn(self, peer: PeerReceiver, number: int) -> None:
        self._perform(self._lending.withdrawn(peer, number, self._now()))

    def lent(self, peer: PeerReceiver, number: int, slots: int, returned: int) -> None:
        self._perform(self._lending.lent(peer, number, slots, returned, self._now()))

    def recall(self, peer: PeerReceiver, number: int, count: int) -> None:
        self._perform(self._lending.recall(peer, number, count))

    def wanted(
        self, peer: PeerReceiver, number: int, count: int, oldest: float, urgency: int
    ) -> None:
        self._perform(self._lending.wanted(peer, number, count, oldest, urgency, self._now()))

    def returned(self, peer: PeerReceiver, number: int, count: int) -> None:
        self._perform(self._lending.returned(peer, number, count, self._now()))

    def host(
        self,
        peer: PeerReceiver,
        number: int,
        ticket: Ticket,
        request: Request,
        body: bytes,
        end: bool,
        *,
        attempt: int = 1,
        queued: float = 0.0,
    ) -> None:
        upload = NO_BODY
        if body or not end:
            limits = self.dispatcher.limits
            upload = begun(body, end, limits.window, limits.inline_body)
        exchange, effects = self._lending.host(
            peer, number, ticket.id, request, upload, ticket, self._now(), attempt, queued
        )
        ticket.route = exchange.lane.name
        self.tickets[ticket] = exchange
        self._perform(effects)

    def links(self) -> list[LinkStatus]:
        return self._lending.status()

    # ------------------------------------------------------------ what is different with peers

    def begin_drain(self) -> None:
        """What is lent comes back; `idle` waits for that, too."""
        super().begin_drain()
        self._perform(self._lending.drain(self._now()))

    def shut_down(self) -> None:
        self._perform(self._lending.stop())
        super().shut_down()

    def _perform(self, effects: Effects) -> None:
        lending = self._lending
        try:
            MemoryBroker._perform(self, effects)  # `super()` takes longer
        finally:
            changes = self._hand_out.queue.changes
            # Nearly always there is nothing to follow, for which no call is made.
            if changes and (changes.sessions or changes.lanes or self._now() >= lending.due):
                while more := lending.follow(self._now()):
                    MemoryBroker._perform(self, more)
            if lending.due < self._fires_at:
                self._arm(lending.due)

    def _settle(self) -> None:
        if self._lending.is_idle(self._now()):
            waits = self._idle is not None
            super()._settle()
            if waits and self._idle is None:  # what would be lent from now on would be cut
                self._perform(self._lending.stop())
        else:
            self._collecting.wake_all()
