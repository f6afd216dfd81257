"""Which slots of this gateway's workers serve the requests of peers.

House rules: a slot is set aside before a peer is told of it, so that a worker never holds more than
its slots; fewer are lent only when a peer gives some back, or with the end of one of its exchanges,
before it hears of that end (but for slots that vanish); who has waited longest goes first, here or
elsewhere, and among equals our own; who has been free longest serves next, here or elsewhere; a
peer's exchange is never lent on.
"""

import math
from collections.abc import Iterable

from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import SlotGone
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Session
from prack_grpc.core.exchange.states import Outcome
from prack_grpc.core.lending.loan import Claim, Loan
from prack_grpc.core.lending.messages import Gone, Lend, Offered, Recall, Released
from prack_grpc.core.lending.stocks import (
    SessionStock,
    Stocks,
    free,
    lanes,
    lanes_of,
    serves,
    slots_of,
)
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import PeerReceiver

SessionLoan = Loan[Session]
# Seconds within which all gateways of a machine stop that are stopped together: what waits at one
# of them is then still served by workers of another.
TOGETHER = 1.0


class Lender:
    """The host's side of all links: what is offered, wanted and lent."""

    def __init__(self, queue: Queue, limits: Limits) -> None:
        self._queue = queue
        self.peers: dict[PeerReceiver, None] = {}
        self.stocks = Stocks(limits.share_linger)
        self._stops_at = math.inf

    def loans(self) -> list[SessionLoan]:
        """All that there are."""
        return [loan for stock in self.stocks.all.values() for loan in stock.loans.values()]

    @property
    def wanting(self) -> bool:
        """Some peer wants more than is free."""
        for stock in self.stocks.all.values():  # which takes less than a generator
            if stock.wanting:
                return True
        return False

    @property
    def idle(self) -> bool:
        """Nothing that is lent may still be used, and nobody is owed anything."""
        return not any(loan.idle or loan.wanted for loan in self.loans())

    # ------------------------------------------------------------ while something is handed out

    def outbid(self, session: Session, lane: ExchangeLane) -> Effects:
        """Lend the free slot of a session to a peer whose request goes before all in this lane."""
        stock = self.stocks.serving(session, lane.kind)
        if stock and (loan := stock.first()):
            mine = self._claim([lane])
            if mine is None or loan.claim.before(mine):
                return self.lend(loan, [session])
        return []

    def settle(self, lease: Lease) -> Effects:
        """A worker has let go of a hosted exchange: a slot stays lent unless it is needed."""
        exchange, session = lease.exchange, lease.session
        loan = self._let_go(exchange)
        if loan is None:
            return []
        if self.keeps(loan, session):
            effects = self._keep(loan, session, lease.lane)
        else:
            effects = [Lend(loan)]
        if exchange.outcome is Outcome.CLIENT_GONE:
            effects.append(Released(loan.peer, exchange.id))
        return effects

    def left(self, exchange: Exchange) -> Effects:
        """A hosted exchange is over: if it was left, and its worker has let go, its owner knows."""
        loan, left = exchange.loan, exchange.outcome is Outcome.CLIENT_GONE
        if loan is None or not left or exchange in loan.busy or loan.peer not in self.peers:
            return []
        return [Released(loan.peer, exchange.id)]

    def withdraw(self, exchange: Exchange) -> Effects:
        """A hosted exchange fails here: if its worker still has it, that slot is lent no more."""
        loan = self._let_go(exchange)
        return [] if loan is None else [Lend(loan)]

    def keeps(self, loan: SessionLoan, session: Session) -> bool:
        """The slot that has just become free stays with the peer: nobody older waits."""
        stock = loan.stock
        if (
            self._stops_at < math.inf
            or session not in stock.sessions
            or session.room(stock.kind) <= 0
        ):
            return False
        if not (self._queue.requests or stock.wanting):  # nearly always
            return True
        mine = self._claim(lanes(session, stock))
        if not loan.wanted:
            return mine is None and not stock.wanting
        if mine is not None and not loan.claim.before(mine):
            return False
        if loan.claim.behind and self._is_last(stock, list({session, *free(stock)})):
            return False
        return not any(one.claim.before(loan.claim) for one in stock.wanting if one is not loan)

    def _keep(self, loan: SessionLoan, session: Session, lane: ExchangeLane) -> Effects:
        """It is of who has been free for longest: or who was lent first would have all the work."""
        turn = lane.ready.first() if lane.ready else session
        stock: SessionStock | None = loan.stock
        if turn not in loan.stock.sessions or lane.kind not in loan.stock.offer.kinds:
            stock = self.stocks.serving(turn, lane.kind)
        if stock is None:  # a peer's workers
            turn, stock = session, loan.stock
        kept = loan if stock is loan.stock else stock.loan(loan.peer)
        kept.idle.append(turn)
        turn.reserve(stock.kind, 1)
        if turn is not session:
            self._queue.update(turn)
        return [] if kept is loan else [Lend(loan), Lend(kept)]

    def _claim(self, places: list[ExchangeLane]) -> Claim | None:
        """Of the first that waits in these lanes, None if nothing does."""
        first = None
        for lane in places:
            if lane.base.requests and lane.waiting:
                claim = self._queue.choice.claim(lane, lane.waiting)
                first = claim if first is None else min(first, claim)
        return first

    def _is_last(self, stock: SessionStock, sessions: list[Session]) -> bool:
        """These have one free slot, the last of many: who has its share leaves it to others."""
        if len(sessions) > 1 or sessions[0].room(stock.kind) > 1:
            return False
        idle = sum(len(one.idle) for one in stock.loans.values())
        return idle + sum(lane.busy for lane in lanes_of(stock)) >= self._queue.choice.many

    def _let_go(self, exchange: Exchange) -> SessionLoan | None:
        """Its loan, if it has used it until now and the peer is still here."""
        loan = exchange.loan
        if loan is None or exchange not in loan.busy or loan.peer not in self.peers:
            return None
        loan.busy.remove(exchange)
        return loan

    # ------------------------------------------------------------ peers

    def link(self, peer: PeerReceiver) -> Effects:
        """A peer is here: it is told of every offer."""
        self.peers[peer] = None
        return [Offered(peer, stock) for stock in self.stocks.all.values()]

    def unlink(self, peer: PeerReceiver) -> list[ExchangeLane]:
        """It is gone. Returns the lanes that have work for what was lent to it."""
        del self.peers[peer]
        freed: list[Session] = []
        for stock in self.stocks.all.values():
            if loan := stock.loans.pop(peer, None):
                stock.want(loan, 0)
                freed += _freed(loan, len(loan.idle))
        if not self.peers:
            self.stocks.clear()
        return self._update(freed)

    def wanted(self, peer: PeerReceiver, number: int, count: int, claim: Claim) -> Effects:
        """So many of its requests wait for this offer."""
        stock = self.stocks.all.get(number)
        if stock is None:
            return []
        loan = stock.loan(peer)
        loan.claim = claim
        stock.want(loan, count if claim.since <= self._stops_at else 0)
        return self._seek(stock)

    def returned(
        self, peer: PeerReceiver, number: int, count: int
    ) -> tuple[list[ExchangeLane], Effects]:
        """It gives back what it does not use. Returns also the lanes that have work for that.

        Once they are served `seek` what is still needed: it may have had less than was recalled.
        """
        loan = self._loan(peer, number)
        if loan is None:
            return [], []
        loan.returned += count
        loan.recalled = 0
        return self._update(_freed(loan, count)), [Lend(loan)]

    def seek(self, number: int) -> Effects:
        """Find slots of this offer for all that wait."""
        stock = self.stocks.all.get(number)
        return [] if stock is None else self._seek(stock)

    def _seek(self, stock: SessionStock) -> Effects:
        effects = self.lend_free(stock)
        waiting = sum(lane.count for lane in lanes_of(stock) if lane.pressed)
        return effects + self.recall(stock, waiting + sum(one.wanted for one in stock.wanting))

    def take(self, peer: PeerReceiver, number: int) -> tuple[SessionLoan, Session]:
        """The session for a request of this peer. Raises SlotGone."""
        stock = self.stocks.all.get(number)
        loan = stock.loans.get(peer) if stock else None
        if loan is None or not loan.idle:
            raise SlotGone("the slot is there no more")
        session = loan.idle.pop(0)
        session.reserve(loan.stock.kind, -1)
        return loan, session

    def _loan(self, peer: PeerReceiver, number: int) -> SessionLoan | None:
        stock = self.stocks.all.get(number)
        return stock.loans.get(peer) if stock else None

    def drain(self, now: float) -> Effects:
        """Have all back, and lend nothing more but to requests that have waited until now."""
        self._stops_at = now + TOGETHER
        effects: Effects = []
        for stock in self.stocks.all.values():
            effects += self.recall(stock, sum(loan.lent for loan in stock.loans.values()))
        return effects

    def stop(self) -> Effects:
        """Lend nothing any more: who comes for a slot that was lent finds it gone."""
        self._stops_at = -math.inf
        effects: Effects = []
        for loan in self.loans():
            loan.stock.want(loan, 0)
            if _freed(loan, len(loan.idle)):
                effects.append(Lend(loan))
        return effects

    # ------------------------------------------------------------ what has changed

    def look(self, session: Session, now: float) -> Effects:
        """The free slots or the lines of a session have changed."""
        known = self.stocks.of(session)
        wanted = slots_of(session) if serves(session) else ()
        effects: Effects = []
        if [stock.kind for stock in known] != list(wanted):
            effects += self._move(session, known, now)
        for stock in self.stocks.of(session):
            if (room := session.room(stock.kind)) < 0:
                effects += _revoke(session, stock, -room)
            if stock.wanting:
                effects += self.lend_free(stock)
        return effects

    def press(self, lane: ExchangeLane) -> Effects:
        """Something waits in a lane, or ceased to."""
        if not lane.pressed:
            return []
        effects: Effects = []
        for stock in self.stocks.all.values():
            if lane in lanes_of(stock):
                effects += self.recall(stock, lane.count)
        return effects

    def forget(self, now: float) -> Effects:
        """Withdraw offers whose workers have not come back."""
        return self._gone(self.stocks.forget(now))

    def _move(self, session: Session, known: Iterable[SessionStock], now: float) -> Effects:
        """It begins or ceases to take work: then what is lent of it vanishes."""
        effects: Effects = []
        for stock in known:
            effects += _revoke(session, stock, session.reserved + session.reserved_sockets)
        effects += self._gone(self.stocks.leave(session, now))
        new = self.stocks.enter(session) if serves(session) else []
        return effects + [Offered(peer, stock) for stock in new for peer in self.peers]

    def _gone(self, stocks: list[SessionStock]) -> Effects:
        return [Gone(peer, stock.number) for stock in stocks for peer in self.peers]

    # ------------------------------------------------------------ steps

    def lend_free(self, stock: SessionStock) -> Effects:
        """What is free goes to who wants it, the oldest request first."""
        effects: Effects = []
        while (loan := stock.first()) and (sessions := free(stock)):
            if loan.claim.behind:
                if self._is_last(stock, sessions):
                    break
                sessions = sessions[:-1] or sessions  # then look again at what is left
            effects += self.lend(loan, sessions[: loan.wanted])
        return effects

    def lend(self, loan: SessionLoan, sessions: list[Session]) -> Effects:
        """One free slot of each of these."""
        for session in sessions:
            session.reserve(loan.stock.kind, 1)
        loan.idle += sessions
        loan.stock.want(loan, loan.wanted - len(sessions))
        self._update(sessions)
        return [Lend(loan)]

    def recall(self, stock: SessionStock, needed: int) -> Effects:
        """Ask those for idle slots that want nothing, or leave them to others, while others do."""
        effects: Effects = []
        needed -= sum(loan.recalled for loan in stock.loans.values())
        for loan in stock.unused(self._is_pressed(stock)):
            if needed > 0 and not loan.recalled:
                loan.recalled = min(len(loan.idle), needed)
                needed -= loan.recalled
                effects.append(Recall(loan))
        return effects

    def _is_pressed(self, stock: SessionStock) -> bool:
        """Somebody waits for a slot of this stock who is not to leave one to others."""
        first, mine = stock.first(), self._claim(lanes_of(stock))
        return any(not claim.behind for claim in (first and first.claim, mine) if claim)

    def _update(self, sessions: Iterable[Session]) -> list[ExchangeLane]:
        """Returns the lanes that have both work and workers."""
        found: dict[ExchangeLane, None] = {}
        for session in dict.fromkeys(sessions):
            found.update(dict.fromkeys(self._queue.update(session)))
        return list(found)


def _freed(loan: SessionLoan, count: int) -> list[Session]:
    """Let go of so many idle slots, if there are. Returns whose they are."""
    freed = loan.idle[:count]
    del loan.idle[:count]
    for session in freed:
        session.reserve(loan.stock.kind, -1)
    return freed


def _revoke(session: Session, stock: SessionStock, count: int) -> Effects:
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
