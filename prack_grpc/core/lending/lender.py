"""Which slots of this gateway's workers serve the requests of peers.

House rules: a slot is set aside before a peer is told of it, so that a worker never holds more than
its slots; fewer are lent only when a peer gives some back, or with the end of one of its exchanges,
before it hears of that end (but for slots that vanish); who has waited longest goes first, here or
elsewhere, and among equals our own; a peer's exchange is never lent on.
"""

import itertools
from collections.abc import Iterable

from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import SlotGone
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Session
from prack_grpc.core.exchange.states import Outcome
from prack_grpc.core.http.message import WEBSOCKET
from prack_grpc.core.lending.loan import Claim, Loan, Stock
from prack_grpc.core.lending.messages import Gone, Lend, Offered, Recall, Released
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.order import Deadlines
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import PeerReceiver


class Lender:
    """The host's side of all links: what is offered, wanted and lent."""

    def __init__(self, queue: Queue, limits: Limits) -> None:
        self._queue = queue
        self._limits = limits
        self.peers: dict[PeerReceiver, None] = {}
        self.stocks: dict[int, Stock[Session]] = {}
        self._offers: dict[Offer, Stock[Session]] = {}
        self._stocks_of: dict[Session, tuple[Stock[Session], ...]] = {}
        self._numbers = itertools.count(1)
        self.lingering: Deadlines[Stock[Session]] = Deadlines()
        self.draining = False

    def loans(self) -> list[Loan[Session]]:
        """All that there are."""
        return [loan for stock in self.stocks.values() for loan in stock.loans.values()]

    # ------------------------------------------------------------ while something is handed out

    def outbid(self, session: Session, lane: ExchangeLane) -> Effects:
        """Lend the free slot of a session to a peer whose request goes before all in this lane."""
        for stock in self._stocks_of.get(session, ()):
            if lane.kind in stock.offer.kinds and (loan := stock.first()):
                mine = _claim([lane])
                if mine is None or loan.claim.before(mine):
                    return self._lend(loan, [session])
        return []

    def settle(self, lease: Lease) -> Effects:
        """A worker has let go of a hosted exchange: its slot stays lent unless it is needed more."""
        exchange, loan = lease.exchange, lease.exchange.loan
        if loan is None or exchange not in loan.busy:
            return []
        loan.busy.remove(exchange)
        effects: Effects = []
        if self._keeps(loan, lease.session):
            loan.idle.append(lease.session)
            lease.session.reserve(loan.stock.kind, 1)
        else:
            effects.append(Lend(loan))
        if exchange.outcome is Outcome.CLIENT_GONE:
            effects.append(Released(loan.peer, exchange.id))
        return effects

    def withdraw(self, exchange: Exchange) -> Effects:
        """A hosted exchange fails here: if its worker still has it, that slot is lent no more."""
        loan = exchange.loan
        if loan is None or exchange not in loan.busy:
            return []
        loan.busy.remove(exchange)
        return [Lend(loan)]

    def _keeps(self, loan: Loan[Session], session: Session) -> bool:
        """The slot that has just become free stays with the peer."""
        stock = loan.stock
        if self.draining or session not in stock.sessions or session.room(stock.kind) <= 0:
            return False
        own = loan.claim if loan.wanted else None
        others = [one.claim for one in stock.wanting if one is not loan]
        if (mine := _claim(_lanes(session, stock))) is not None:
            if own is None or not own.before(mine):
                return False
        return not any(own is None or other.before(own) for other in others)

    # ------------------------------------------------------------ peers

    def link(self, peer: PeerReceiver) -> Effects:
        """A peer is here: it is told of every offer."""
        self.peers[peer] = None
        return [Offered(peer, stock) for stock in self.stocks.values()]

    def unlink(self, peer: PeerReceiver) -> list[ExchangeLane]:
        """It is gone. Returns the lanes that have work for what was lent to it."""
        del self.peers[peer]
        freed: list[Session] = []
        for stock in self.stocks.values():
            if loan := stock.loans.pop(peer, None):
                stock.want(loan, 0)
                loan.busy.clear()
                freed += self._free(loan, len(loan.idle))
        if not self.peers:
            for stock in self.stocks.values():
                self.lingering.clear(stock)
            self.stocks.clear()
            self._offers.clear()
            self._stocks_of.clear()
        return self._update(freed)

    def wanted(self, peer: PeerReceiver, number: int, count: int, claim: Claim) -> Effects:
        """So many of its requests wait for this offer."""
        stock = self.stocks.get(number)
        if stock is None:
            return []
        loan = stock.loan(peer)
        loan.claim = claim
        stock.want(loan, count)
        return self.lend_free(stock) + self._recall(stock, sum(one.wanted for one in stock.wanting))

    def returned(
        self, peer: PeerReceiver, number: int, count: int
    ) -> tuple[list[ExchangeLane], Effects]:
        """It gives back what it does not use. Returns also the lanes that have work for that."""
        stock = self.stocks.get(number)
        loan = stock.loans.get(peer) if stock else None
        if loan is None:
            return [], []
        loan.returned += count
        loan.recalled = 0
        return self._update(self._free(loan, count)), [Lend(loan)]

    def take(self, peer: PeerReceiver, number: int) -> tuple[Loan[Session], Session]:
        """The session for a request of this peer. Raises SlotGone."""
        stock = self.stocks.get(number)
        loan = stock.loans.get(peer) if stock else None
        if loan is None or not loan.idle:
            raise SlotGone("the slot is there no more")
        session = loan.idle.pop(0)
        session.reserve(loan.stock.kind, -1)
        return loan, session

    def drain(self) -> Effects:
        """Lend nothing more, and have all back."""
        self.draining = True
        return [
            effect for stock in self.stocks.values() for effect in self._recall(stock, self._idle)
        ]

    @property
    def _idle(self) -> int:
        return sum(len(loan.idle) for loan in self.loans())

    # ------------------------------------------------------------ what has changed

    def look(self, session: Session, now: float) -> Effects:
        """The free slots or the lines of a session have changed."""
        known = self._stocks_of.get(session, ())
        serves = bool(session.lanes) and not session.draining
        own = len(known) > 1
        if not serves and not known:
            return []
        effects: Effects = []
        if not serves or not known or own is not _has_own_sockets(session):
            effects += self._step_out(session, known, now)
            known = self._line_up(session, effects) if serves else ()
        for stock in known:
            if session.room(stock.kind) < 0:
                effects += self._revoke(session, stock, -session.room(stock.kind))
            if stock.wanting:
                effects += self.lend_free(stock)
        return effects

    def press(self, lane: ExchangeLane) -> Effects:
        """Something waits in a lane, or ceased to."""
        if not lane.count or lane.ready:
            return []
        effects: Effects = []
        for stock in self.stocks.values():
            if lane in _lanes_of(stock):
                effects += self._recall(stock, lane.count)
        return effects

    def forget(self, now: float) -> Effects:
        """Withdraw offers whose workers have not come back."""
        return [
            effect
            for stock in self.lingering.due(now)
            if not stock.sessions
            for effect in self._withdraw(stock)
        ]

    def _line_up(self, session: Session, effects: Effects) -> tuple[Stock[Session], ...]:
        stocks = []
        for offer in _offers(session):
            stock = self._offers.get(offer)
            if stock is None:
                stock = self._offers[offer] = Stock(next(self._numbers), offer)
                self.stocks[stock.number] = stock
                effects += [Offered(peer, stock) for peer in self.peers]
            self.lingering.clear(stock)
            stock.sessions[session] = None
            stocks.append(stock)
        self._stocks_of[session] = tuple(stocks)
        return tuple(stocks)

    def _step_out(self, session: Session, stocks: Iterable[Stock[Session]], now: float) -> Effects:
        """What is lent of it vanishes. An offer lingers only if its workers poll."""
        effects: Effects = []
        self._stocks_of.pop(session, None)
        for stock in stocks:
            del stock.sessions[session]
            effects += self._revoke(session, stock, session.slots + session.websocket_slots)
            if stock.sessions:
                continue
            if session.profile.acknowledges:
                effects += self._withdraw(stock)
            else:
                self.lingering.set(stock, now + self._limits.share_linger)
        return effects

    def _withdraw(self, stock: Stock[Session]) -> Effects:
        del self.stocks[stock.number], self._offers[stock.offer]
        stock.wanting.clear()
        return [Gone(peer, stock.number) for peer in self.peers]

    # ------------------------------------------------------------ steps

    def lend_free(self, stock: Stock[Session]) -> Effects:
        """What is free goes to who wants it, the oldest request first."""
        effects: Effects = []
        free = _free(stock)
        while free and not self.draining and (loan := stock.first()):
            effects += self._lend(loan, free[: loan.wanted])
            free = _free(stock)
        return effects

    def _lend(self, loan: Loan[Session], sessions: list[Session]) -> Effects:
        """One slot of each of these."""
        for session in sessions:
            session.reserve(loan.stock.kind, 1)
        loan.idle += sessions
        loan.stock.want(loan, loan.wanted - len(sessions))
        self._update(sessions)
        return [Lend(loan)]

    def _recall(self, stock: Stock[Session], needed: int) -> Effects:
        """Ask those for idle slots that want nothing, while others do."""
        effects: Effects = []
        needed -= sum(loan.recalled for loan in stock.loans.values())
        for loan in stock.unused():
            if needed <= 0:
                break
            if not loan.recalled:
                loan.recalled = min(len(loan.idle), needed)
                needed -= loan.recalled
                effects.append(Recall(loan))
        return effects

    def _free(self, loan: Loan[Session], count: int) -> list[Session]:
        """Let go of so many idle slots, if there are. Returns whose they are."""
        freed = loan.idle[:count]
        del loan.idle[:count]
        for session in freed:
            session.reserve(loan.stock.kind, -1)
        return freed

    def _revoke(self, session: Session, stock: Stock[Session], count: int) -> Effects:
        """At most so many idle slots of this session are there no more."""
        effects: Effects = []
        for loan in stock.loans.values():
            gone = min(count, loan.idle.count(session))
            for _ in range(gone):
                loan.idle.remove(session)
            if gone:
                session.reserve(stock.kind, -gone)
                count -= gone
                effects.append(Lend(loan))
        return effects

    def _update(self, sessions: Iterable[Session]) -> list[ExchangeLane]:
        """Returns the lanes that have both work and workers."""
        lanes: dict[ExchangeLane, None] = {}
        for session in dict.fromkeys(sessions):
            lanes.update(dict.fromkeys(self._queue.update(session)))
        return list(lanes)


def _has_own_sockets(session: Session) -> bool:
    kinds = session.profile.kinds
    return bool(session.websocket_slots) and WEBSOCKET in kinds and len(kinds) > 1


def _offers(session: Session) -> list[Offer]:
    """What it serves, by kind of slot."""
    about = session.profile
    kinds = [about.kinds]
    if _has_own_sockets(session):
        kinds = [tuple(kind for kind in about.kinds if kind is not WEBSOCKET), (WEBSOCKET,)]
    return [
        Offer(about.routes, about.service, about.version, some, about.tier, about.tunnel)
        for some in kinds
    ]


def _lanes(session: Session, stock: Stock[Session]) -> list[ExchangeLane]:
    return [lane for lane in session.lanes if lane.kind in stock.offer.kinds]


def _lanes_of(stock: Stock[Session]) -> list[ExchangeLane]:
    """All sessions of a stock stand in the same lanes."""
    return _lanes(next(iter(stock.sessions)), stock) if stock.sessions else []


def _claim(lanes: list[ExchangeLane]) -> Claim | None:
    """Of the first that waits in these lanes, None if nothing does."""
    firsts = [lane.waiting.first() for lane in lanes if lane.waiting]
    return min((Claim(one.request.priority, one.accepted_at) for one in firsts), default=None)


def _free(stock: Stock[Session]) -> list[Session]:
    """Sessions of a stock that have a free slot."""
    lanes = _lanes_of(stock)
    return [one for one in lanes[0].ready if one in stock.sessions] if lanes else []
