"""One queue for all transports: who waits, who is free, and who gets what.

House rules: the oldest request of a lane goes first, but for those of a client that has its share;
a worker with several routes serves them in turn; work is bound to a worker only when that worker
has a free slot; clients that are slow to send a body never take all slots; no step looks at more
than a few entries of a queue, but at those that a route or version which comes or goes concerns.
"""

from collections import Counter
from collections.abc import Iterable

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Session
from prack_grpc.core.http.message import HTTP, Kind, Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.bodies import LARGE, Bodies
from prack_grpc.core.queue.changes import Changes
from prack_grpc.core.queue.choice import Choice
from prack_grpc.core.queue.order import Deadlines, Line
from prack_grpc.core.queue.places import Places
from prack_grpc.core.queue.routes import DEFAULT, Route
from prack_grpc.core.queue.table import Newcomers, RouteTable
from prack_grpc.core.queue.traffic import Split


class Queue:
    """The lanes with their waiting exchanges and ready sessions."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self.choice = Choice(limits)
        self.tables: dict[Kind, RouteTable[Exchange, Session]] = {
            kind: RouteTable(kind, now) for kind in Kind
        }
        self.lingering: Deadlines[ExchangeLane] = Deadlines(tick=1.0)
        self.requests = self.bytes = 0
        share, most = limits.client_share, limits.queue_bytes
        self.ahead = Bodies(most // 2, share)  # the other half is left to requests that are here
        self.collected = Bodies(most, share)  # set aside: in one piece
        self.large = Bodies(most, share, LARGE)  # all that waits, as it came
        self.standing: dict[ExchangeLane, None] = {}  # the lanes of routes where something waits
        self.sessions: dict[Session, None] = {}
        self._places = Places(limits)
        self.splits: dict[str, Split] = {}
        self.changes: Changes | None = None  # if anybody follows them

    def lane(self, request: Request, sequence: int, now: float) -> ExchangeLane:
        """The lane that a request belongs to; the default one takes everything else."""
        table = self.tables[request.kind]
        lane = table.default
        if not table.only_default:
            lane = table.find(request.authority, request.path, request.method)
        return lane.choose(request, sequence, now) if lane.split else lane

    def lanes(self) -> list[ExchangeLane]:
        """All lanes, in no order."""
        return [lane for table in self.tables.values() for lane in table.lanes()]

    # ------------------------------------------------------------ exchanges

    def full(self, lane: ExchangeLane, size: int) -> bool:
        """One more waiting request of this size would break a bound."""
        limits, base = self._limits, lane.base
        requests, bytes_ = limits.queue_requests, limits.queue_bytes
        if self.requests >= requests or self.bytes + size > bytes_:
            return True
        if self.tables[lane.kind].only_default:
            return False
        share = limits.route_share
        return base.requests >= requests * share or base.bytes + size > bytes_ * share

    def append(self, exchange: Exchange, size: int, now: float) -> None:
        """Let an exchange wait in its lane."""
        lane = exchange.lane
        if exchange.coming:
            self._stand(exchange, lane.uploads)
        else:
            self._arrive(exchange, now)
        base = lane.base
        if not base.requests:
            self.standing[base] = None
        base.requests += 1
        self.requests += 1
        exchange.queued_bytes = 0
        self.large.add(exchange, size)
        self.grow(exchange, size)

    def whole(self, exchange: Exchange, now: float) -> list[ExchangeLane]:
        """Its body is complete. If it waits it goes to the end of its line. Returns as `join`."""
        lane = exchange.lane
        if not lane.uploads.discard(exchange):
            return []
        self._arrive(exchange, now)
        return [lane] if lane.ready else []

    def _arrive(self, exchange: Exchange, now: float) -> None:
        lane = exchange.lane
        if not lane.waiting:
            lane.pace.start(now)
        self._stand(exchange, lane.waiting)

    def _stand(self, exchange: Exchange, line: Line[Exchange]) -> None:
        request = exchange.request
        line.add(exchange, request.counts_for, request.priority, exchange.place)
        if self.changes is not None:
            self.changes.lanes[exchange.lane] = None

    def grow(self, exchange: Exchange, size: int) -> None:
        """Count body bytes that came in while the exchange waits."""
        exchange.queued_bytes += size
        exchange.lane.base.bytes += size
        self.bytes += size

    def remove(self, exchange: Exchange) -> bool:
        """Take an exchange out of its lane. False if it was not waiting."""
        lane = exchange.lane
        if not (lane.waiting.discard(exchange) or lane.uploads.discard(exchange)):
            return False
        base = lane.base
        base.requests -= 1
        if not base.requests:
            del self.standing[base]
        base.bytes -= exchange.queued_bytes
        self.requests -= 1
        self.bytes -= exchange.queued_bytes
        for account in (self.ahead, self.large):
            if account.bytes:
                account.discard(exchange)
        if self.changes is not None:
            self.changes.lanes[lane] = None
        return True

    # ------------------------------------------------------------ sessions

    def join(self, session: Session, now: float) -> list[ExchangeLane]:
        """Add a session. Returns the lanes that now have both work and workers.

        Raises BadRoute or TooManySessions, with nothing changed, past a limit.
        """
        self._places.check_all(session, len(self.sessions))
        if len(routes := session.profile.routes) > self._limits.session_routes:
            raise BadRoute(f"a worker may serve at most {self._limits.session_routes} routes")
        tables = [self.tables[kind] for kind in session.profile.kinds]
        new = [(table, route) for table in tables for route in routes if route not in table]
        if any(len(table) + len(new) > self._limits.max_routes for table, _ in new):
            raise BadRoute(f"the limit of {self._limits.max_routes} routes is reached")
        self._places.check(session.principal, len(new))
        self.sessions[session] = None
        self._places.sessions[session.principal.entry] += 1
        return self.line_up(session, now)

    def line_up(self, session: Session, now: float) -> list[ExchangeLane]:
        """Let a session serve its routes, unless it is paused. Returns as `join` does."""
        if session.paused or (session.draining and session.profile.acknowledges):
            return []
        session.open = False  # in no line so far
        session.levels = session.levels_by_kind()
        if self.changes is not None:
            self.changes.sessions[session] = None
        changed: list[ExchangeLane] = []
        for table in [self.tables[kind] for kind in session.profile.kinds]:
            for route in dict.fromkeys(session.profile.routes):
                changed += self._enter(session, table, route, now)
        if not changed:
            return self.update(session)
        routes = [lane.route for lane in changed]
        changed = [*self._rematch(changed, now), *self._take_over(routes, now)]
        return self._matchable([*self.update(session), *changed])

    def step_out(self, session: Session, now: float) -> list[ExchangeLane]:
        """Take a session out of every line; they linger if it was their last. Returns as `join`."""
        if self.changes is not None:
            self.changes.sessions[session] = None
        gone, alone = [], []
        for lane in session.lanes:
            for one in {lane, lane.base}:
                del one.sessions[session]
                one.seen = now
                if one.sessions:
                    continue
                if one is not lane.base and session.profile.acknowledges:
                    gone.append(one)
                else:
                    self._linger(one, now)
            lane.ready.discard(session, session.levels[lane.kind])
            lane.open.discard(session, session.levels[lane.kind])
            if self.matchable(lane):
                alone.append(lane)  # what is left of it has become the only one
        session.lanes.clear()
        return self._matchable([*alone, *self._drop(gone, now)]) if gone else alone

    def leave(self, session: Session, now: float) -> list[ExchangeLane]:
        """Remove a session. Returns as `join` does."""
        del self.sessions[session]
        _less(self._places.sessions, session.principal.entry)
        return self.step_out(session, now)

    def update(self, session: Session) -> list[ExchangeLane]:
        """Its free slots have changed: last in each line, or in none. Returns as `join` does."""
        room, own = session.room(HTTP), session.websocket_slots
        changes, more = self.changes, session.guest and len(session.held) > session.used
        # Nearly always it does not matter, for which no call is made.
        if changes and (self.requests or room <= 0 or more or own or changes.eager):
            changes.freed(session, room, self.requests > 0)
        open_ = room > 0 and not session.whole and (not session.uploads or self._opens(session))
        matchable = []
        for lane in session.lanes:
            level = session.levels[lane.kind]
            if open_ is not session.open and lane.kind is HTTP:
                change = lane.open.add if open_ else lane.open.discard
                change(session, level)
            if not (session.room(lane.kind) > 0 if own else room > 0):
                lane.ready.discard(session, level)
                continue
            lane.ready.add(session, level)
            if lane.base.requests and lane.count:
                matchable.append(lane)
        session.open = open_
        return matchable

    def _opens(self, session: Session) -> bool:
        """One that is free may be handed one more upload."""
        return session.uploads < max(1, int(session.slots * self._limits.upload_share))

    def taker(self, lane: ExchangeLane, coming: bool) -> Session | None:
        """Who takes the next request of this lane, whose body is still on its way or not.

        A poll, which may be all of a worker, takes such a one only if another could take the next
        request, or if there is nobody else; or if the body is waited for aside.
        """
        if not coming:
            return lane.ready.first() if lane.ready else None
        if not lane.open:
            return None
        session = lane.open.first()
        many = session.profile.acknowledges or session.profile.collects
        spare = many or len(lane.ready) > 1 or len(lane.sessions) == 1
        return session if spare else None

    def matchable(self, lane: ExchangeLane) -> bool:
        """Something waits here, and somebody is free for it."""
        return bool((lane.waiting and lane.ready) or (lane.uploads and self.taker(lane, True)))

    def next(self, lane: ExchangeLane, now: float) -> Exchange | None:
        """What leaves this lane next, if that does not wait on; it must be matchable."""
        lines = [lane.waiting] if lane.waiting else []
        if lane.uploads and self.taker(lane, True) is not None:
            lines.append(lane.uploads)
        return self.choice.next(lane, lines, now)

    # ------------------------------------------------------------ routes and versions

    def divide(self, service: str, split: Split | None, now: float) -> list[ExchangeLane]:
        """Divide the requests of a service, or stop that. Returns as `join` does."""
        self.splits.pop(service, None)
        if split is not None:
            self.splits[service] = split
        bases = [lane for lane in self.lanes() if lane is lane.base]
        gone = [
            share
            for base in bases
            if base.split and base.split.service == service
            for share in self._unsplit(base)
        ]
        for base in bases:
            for session in base.sessions:
                self._split(base, session, now)
        return self._matchable(self._rematch([*self.lanes(), *gone], now))

    def forget(self, now: float) -> list[ExchangeLane]:
        """Drop the lanes that lingered long enough; what waited there goes to another one.

        Returns the lanes that now have both work and workers.
        """
        return self._drop(self.lingering.due(now), now)

    # ------------------------------------------------------------ steps

    def _enter(
        self, session: Session, table: RouteTable[Exchange, Session], route: Route, now: float
    ) -> Iterable[ExchangeLane]:
        """Let a session serve a route. Returns the lanes in which all must line up anew."""
        base = table.get(route)
        changed = base is None
        if base is None:
            base = table.add(route, now)
            base.founder = session.principal.entry
            self._places.routes[base.founder] += 1
        changed |= self._split(base, session, now)
        lane = base.share(session.pool, now) if base.split else base
        changed |= lane is not base and not lane.live
        for one in {lane, base}:
            self.lingering.clear(one)
            one.sessions[session] = None
            one.seen = now
        session.lanes.append(lane)
        return (base, *base.shares.values()) if changed else ()

    def _split(self, base: ExchangeLane, session: Session, now: float) -> bool:
        """Give each version of a route a lane of its own, if there is a split for this session."""
        if base.split or session.profile.service not in self.splits:
            return False
        base.split = self.splits[session.profile.service]
        for other in base.sessions:
            share = base.share(other.pool, now)
            share.sessions[other] = None
            self._move(other, base, share)
        return True

    def _unsplit(self, base: ExchangeLane) -> list[ExchangeLane]:
        """Serve a route from one lane again. Returns the lanes that it had for its versions."""
        shares = list(base.shares.values())
        base.split = None
        base.shares.clear()
        for share in shares:
            self.lingering.clear(share)
            for session in share.sessions:
                self._move(session, share, base)
        return shares

    def _move(self, session: Session, source: ExchangeLane, target: ExchangeLane) -> None:
        session.lanes[session.lanes.index(source)] = target
        level = session.levels[source.kind]
        if source.ready.discard(session, level):
            target.ready.add(session, level)
        if source.open.discard(session, level):
            target.open.add(session, level)

    def _linger(self, lane: ExchangeLane, now: float) -> None:
        if lane is not lane.base:
            self.lingering.set(lane, now + self._limits.share_linger)
        elif lane.route != DEFAULT:
            self.lingering.set(lane, now + self._limits.route_linger)

    def _drop(self, gone: list[ExchangeLane], now: float) -> list[ExchangeLane]:
        """Forget lanes; what waited there goes to another one. Returns as `join` does."""
        lanes = [lane for one in gone for lane in self._remove(one, now)]
        return self._matchable(self._rematch(lanes, now))

    def _remove(self, lane: ExchangeLane, now: float) -> list[ExchangeLane]:
        """Returns the lanes in which all must line up anew."""
        base = lane.base
        lanes = [lane, base, *base.shares.values()]
        if lane is base:
            self.tables[lane.kind].remove(lane)
            if lane.founder is not None:
                _less(self._places.routes, lane.founder)
            self._unsplit(base)
            return lanes
        base.shares.pop(lane.pool, None)
        split, shares = base.split, base.shares.values()
        if split and not any(one.live and one.pool[0] == split.service for one in shares):
            self._unsplit(base)
            for session in base.sessions:
                self._split(base, session, now)  # of another service
        return lanes

    def _take_over(self, routes: list[Route], now: float) -> list[ExchangeLane]:
        """New routes get what is theirs and waits in lanes of others. Returns as `_place`."""
        if not self.standing:
            return []
        new = Newcomers(routes)
        bases = [lane for lane in self.standing if lane.route.host in new.hosts]
        waiting = [
            one
            for base in bases
            for lane in (base, *base.shares.values())
            for one in lane.all()
            if new.may_take(one.request.authority, one.request.path)
        ]
        return self._place(waiting, now)

    def _rematch(self, lanes: list[ExchangeLane], now: float) -> list[ExchangeLane]:
        """All that waits in these lanes lines up anew. Returns these and where it went."""
        if self.changes is not None:
            self.changes.lanes.update(dict.fromkeys(lanes))
        return lanes + self._place([one for lane in lanes for one in lane.all()], now)

    def _place(self, waiting: Iterable[Exchange], now: float) -> list[ExchangeLane]:
        """Each of these goes to the lane it belongs to. Returns where there is more than before."""
        lanes: dict[ExchangeLane, None] = {}
        for exchange in waiting:
            lane = self.lane(exchange.request, exchange.sequence, now)
            if lane is not exchange.lane:
                self.remove(exchange)
                exchange.lane = lane
                self.append(exchange, exchange.queued_bytes, now)
                lanes[lane] = None
        return list(lanes)

    def _matchable(self, lanes: list[ExchangeLane]) -> list[ExchangeLane]:
        return [lane for lane in dict.fromkeys(lanes) if self.matchable(lane)]


def _less(counts: Counter[str], entry: str) -> None:
    """One less; who has none is forgotten."""
    counts[entry] -= 1
    if not counts[entry]:
        del counts[entry]
