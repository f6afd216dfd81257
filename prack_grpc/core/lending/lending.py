"""What happens to slots when peers and the clock speak.

A request stays at the gateway of its client, its owner; what travels is a free slot. To the owner a
peer looks like a worker, to the host like a client that never queues: so each exchange has one
gateway that decides, and all rules of one answer, fencing and redelivery hold as they are.
"""

import math

from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Session
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Request
from prack_grpc.core.lending.borrower import Borrower
from prack_grpc.core.lending.guest import Guest
from prack_grpc.core.lending.lender import TOGETHER
from prack_grpc.core.lending.loan import Claim
from prack_grpc.core.lending.messages import ReadAll
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.lending.status import LinkStatus
from prack_grpc.core.queue.changes import Changes
from prack_grpc.core.receivers import AnswerReceiver, PeerReceiver, WorkReceiver
from prack_grpc.core.worker import LINK, PEERS, Profile


class Lending:
    """The events of links; after each event of any kind, what `follow` says is to be done, too."""

    def __init__(self, dispatcher: Dispatcher, hand_out: HandOut) -> None:
        self._dispatcher = dispatcher
        self._hand_out = hand_out
        self._queue = hand_out.queue
        self.lender = hand_out.lender
        self.borrower = Borrower(hand_out.queue)
        self._together = -math.inf  # until when peers may have stopped at the same time
        self.due = math.inf  # when to call `follow` at the latest

    def link(self, peer: PeerReceiver) -> Effects:
        """A peer is here."""
        if self._queue.changes is None:
            self._queue.changes = Changes()
            self._queue.changes.sessions.update(self._queue.sessions)
        return self.lender.link(peer)

    def hosted(self, peer: PeerReceiver) -> list[Exchange]:
        """What is here of a peer's clients. They are to leave before it is unlinked."""
        loans = ((one, one.loan) for one in self._hand_out.exchanges.values())
        return [exchange for exchange, loan in loans if loan and loan.peer is peer]

    def unlink(self, peer: PeerReceiver, now: float) -> Effects:
        """It is gone, and with it all that its workers held."""
        effects = self._hand_out.serve(self.lender.unlink(peer), now)
        for guest in [one for one in self.borrower.guests.values() if one.peer is peer]:
            effects += self._end(guest, now)
        if not self.lender.peers:
            self._queue.changes = None
            self.due = math.inf
        return effects

    # ------------------------------------------------------------ what it says as host

    def offered(
        self, peer: PeerReceiver, number: int, offer: Offer, receiver: WorkReceiver, now: float
    ) -> Effects:
        """Its workers serve this. Raises BadRoute."""
        profile = Profile(
            peer.gateway,
            0,
            True,
            offer.routes,
            offer.service,
            offer.version,
            offer.kinds,
            offer.tier,
            transport=LINK,
            tunnel=offer.tunnel,
        )
        session = Session(profile, PEERS, receiver, 0, guest=True, whole=offer.whole)
        effects = self._dispatcher.join(session, now)
        self.borrower.offered(Guest(peer, number, session))
        if offer.whole:
            effects += [ReadAll(upload) for lane in session.lanes for upload in lane.uploads]
        return effects

    def withdrawn(self, peer: PeerReceiver, number: int, now: float) -> Effects:
        """They serve it no more; what they hold they may finish."""
        guest = self.borrower.guests.get((peer, number))
        if guest is None:
            return []
        effects = self._dispatcher.drain(guest.session, now)
        return effects if guest.session.held else effects + self._end(guest, now)

    def lent(
        self, peer: PeerReceiver, number: int, slots: int, returned: int, now: float
    ) -> Effects:
        """We have so many of its slots; it has counted so many that we gave back."""
        guest = self.borrower.guests.get((peer, number))
        if guest is None:
            return []
        if slots > guest.lent:
            guest.lent_at = now
        guest.lent, guest.counted = slots, returned
        return self._dispatcher.resize(guest.session, guest.slots, now)

    def recall(self, peer: PeerReceiver, number: int, count: int) -> Effects:
        """It needs so many idle ones."""
        guest = self.borrower.guests.get((peer, number))
        return self.borrower.recall(guest, count) if guest else []

    # ------------------------------------------------------------ what it says as owner

    def wanted(
        self,
        peer: PeerReceiver,
        number: int,
        count: int,
        oldest: float,
        urgency: int,
        now: float,
    ) -> Effects:
        """So many of its requests could use our slots; the oldest waits for so many seconds."""
        effects = self.lender.wanted(peer, number, count, Claim(urgency, now - oldest))
        if self._queue.changes is not None:
            self._queue.changes.eager = self.lender.wanting
        return effects

    def returned(self, peer: PeerReceiver, number: int, count: int, now: float) -> Effects:
        """It gives so many idle slots back."""
        lanes, effects = self.lender.returned(peer, number, count)
        effects += self._hand_out.serve(lanes, now)
        return effects + self.lender.seek(number)

    def host(
        self,
        peer: PeerReceiver,
        number: int,
        id_: str,
        request: Request,
        upload: Flow,
        client: AnswerReceiver,
        now: float,
        attempt: int = 1,
        queued: float = 0.0,
    ) -> tuple[Exchange, Effects]:
        """Hand a request of it to a worker here, on a slot that it was lent. Raises SlotGone.

        Here it is known by this id. There this is hand-out number `attempt`, after so many seconds
        in the queue.
        """
        loan, session = self.lender.take(peer, number)
        lane, books = self._lane(session, request), self._hand_out.hosted
        since = now - queued
        exchange = Exchange(id_, request, lane, 0, since, now, upload, client, books, loan=loan)
        exchange.attempt = attempt - 1
        loan.busy.add(exchange)
        self._hand_out.exchanges[id_] = exchange
        books.accepted += 1
        effects: Effects = [self._hand_out.lease(session, exchange, now)]
        if lane.base.requests:
            # With more in work, a client that has left a slot may have less than its share.
            effects += self._hand_out.serve([lane], now)
        return exchange, effects

    def _lane(self, session: Session, request: Request) -> ExchangeLane:
        """Where it would wait if it did: nearly always there is only one such."""
        if len(session.lanes) == 1:
            return session.lanes[0]
        places = [lane for lane in session.lanes if lane.kind is request.kind]
        if len(places) == 1:
            return places[0]
        table = self._queue.tables[request.kind]
        base = table.find(request.authority, request.path, request.method)
        return next((lane for lane in session.lanes if lane.base is base), session.lanes[0])

    # ------------------------------------------------------------ what follows

    def follow(self, now: float) -> Effects:
        """What is to be told to peers after what has happened, and as time has passed."""
        changes = self._queue.changes
        if changes is None or not (changes.sessions or changes.lanes or now >= self.due):
            return []
        effects: Effects = []
        if now >= self.due:
            effects += self.lender.forget(now) + self.borrower.refresh(now)
        while changes.sessions or changes.lanes:
            lanes, sessions = changes.take()
            for session in sessions:
                effects += self._look(session, now)
            for lane in lanes:
                effects += self.lender.press(lane) + self.borrower.ask(lane, now)
        changes.eager = self.lender.wanting
        together = self._together if now < self._together else math.inf
        due, lingering = self.borrower.due, self.lender.stocks.due
        due = due if due < lingering else lingering
        self.due = due if due < together else together
        return effects

    def _look(self, session: Session, now: float) -> Effects:
        if not session.guest:
            return self.lender.look(session, now)
        guest = self.borrower.guest_of(session)
        if guest is None:
            return []
        if session.draining and not session.held:
            return self._end(guest, now)
        return self.borrower.look(guest, now)

    def _end(self, guest: Guest[Session], now: float) -> Effects:
        self.borrower.forget(guest)
        return self._dispatcher.lose(guest.session, now)

    def drain(self, now: float) -> Effects:
        """Have all back, see `Lender.drain`; what waits here goes on borrowing."""
        if self.lender.stocks.all:
            self._together = now + TOGETHER
            self.due = min(self.due, self._together)
        return self.lender.drain(now)

    def stop(self) -> Effects:
        """See `Lender.stop`: links are about to be closed."""
        return self.lender.stop()

    def is_idle(self, now: float) -> bool:
        """Once it drains: links can be closed without harm.

        Peers that stop at the same time may not have said yet what waits for our workers.
        """
        return self.lender.idle and (now >= self._together or not self.lender.peers)

    def status(self) -> list[LinkStatus]:
        """What there is to see."""
        loans, guests = self.lender.loans(), list(self.borrower.guests.values())
        return [
            LinkStatus(
                peer.gateway,
                sum(loan.lent for loan in loans if loan.peer is peer),
                sum(loan.wanted for loan in loans if loan.peer is peer),
                sum(guest.slots for guest in guests if guest.peer is peer),
                sum(guest.wants for guest in guests if guest.peer is peer),
            )
            for peer in self.lender.peers
        ]
