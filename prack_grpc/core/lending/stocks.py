"""Which workers of this gateway serve the same, and what is thus offered to others."""

import itertools

from prack_grpc.core.exchange.exchange import ExchangeLane, Session
from prack_grpc.core.http.message import HTTP, WEBSOCKET, Kind
from prack_grpc.core.lending.loan import Stock
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.queue.order import Deadlines

SessionStock = Stock[Session]
Key = tuple[Offer, Kind]


class Stocks:
    """All stocks, by number. One whose workers poll stays for `linger` seconds without any."""

    def __init__(self, linger: float) -> None:
        self._linger = linger
        self.all: dict[int, SessionStock] = {}
        self._by_key: dict[Key, SessionStock] = {}
        self._by_session: dict[Session, tuple[SessionStock, ...]] = {}
        self._numbers = itertools.count(1)
        self._lingering: Deadlines[SessionStock] = Deadlines()

    @property
    def due(self) -> float:
        """When `forget` has something to do."""
        return self._lingering.soonest

    def of(self, session: Session) -> tuple[SessionStock, ...]:
        """Those that it is part of: two, if it has slots for WebSockets alone."""
        return self._by_session.get(session, ())

    def serving(self, session: Session, kind: Kind) -> SessionStock | None:
        """That of its slots for exchanges of this kind; None of a guest."""
        for stock in self._by_session.get(session, ()):
            if kind in stock.offer.kinds:
                return stock
        return None

    def enter(self, session: Session) -> list[SessionStock]:
        """A session takes work. Returns the stocks that are new."""
        stocks, new = [], []
        for key in _keys(session):
            stock = self._by_key.get(key)
            if stock is None:
                stock = self._by_key[key] = Stock(next(self._numbers), *key)
                self.all[stock.number] = stock
                new.append(stock)
            self._lingering.clear(stock)
            stock.sessions[session] = None
            stocks.append(stock)
        self._by_session[session] = tuple(stocks)
        return new

    def leave(self, session: Session, now: float) -> list[SessionStock]:
        """It does no more. Returns the stocks that are gone."""
        gone = []
        for stock in self._by_session.pop(session, ()):
            del stock.sessions[session]
            if stock.sessions:
                continue
            if session.profile.acknowledges:
                gone.append(stock)
            else:
                self._lingering.set(stock, now + self._linger)
        return self._remove(gone)

    def forget(self, now: float) -> list[SessionStock]:
        """Returns the stocks that are gone since nobody has come back."""
        return self._remove(self._lingering.due(now))

    def clear(self) -> None:
        """Nobody is interested any more."""
        for stock in self.all.values():
            self._lingering.clear(stock)
        self.all.clear()
        self._by_key.clear()
        self._by_session.clear()

    def _remove(self, gone: list[SessionStock]) -> list[SessionStock]:
        for stock in gone:
            del self.all[stock.number], self._by_key[stock.offer, stock.kind]
            stock.wanting.clear()
        return gone


def serves(session: Session) -> bool:
    """It takes work, free or not."""
    return bool(session.lanes) and not session.draining


def slots_of(session: Session) -> dict[Kind, tuple[Kind, ...]]:
    """What each kind of slot that it has is for."""
    kinds = session.profile.kinds
    if not session.websocket_slots or WEBSOCKET not in kinds:
        return {HTTP: kinds}
    others = tuple(kind for kind in kinds if kind is not WEBSOCKET)
    return {HTTP: others, WEBSOCKET: (WEBSOCKET,)} if others else {WEBSOCKET: kinds}


def lanes(session: Session, stock: SessionStock) -> list[ExchangeLane]:
    """In which a session stands with its slots of this stock."""
    return [lane for lane in session.lanes if lane.kind in stock.offer.kinds]


def lanes_of(stock: SessionStock) -> list[ExchangeLane]:
    """All sessions of a stock stand in the same ones."""
    return lanes(next(iter(stock.sessions)), stock) if stock.sessions else []


def free(stock: SessionStock) -> list[Session]:
    """Its sessions that have a free slot."""
    places = lanes_of(stock)
    return [one for one in places[0].ready if one in stock.sessions] if places else []


def _keys(session: Session) -> list[Key]:
    about = session.profile
    serves = about.routes, about.service, about.version
    how = about.tier, about.tunnel, about.collects
    return [(Offer(*serves, kinds, *how), slot) for slot, kinds in slots_of(session).items()]
