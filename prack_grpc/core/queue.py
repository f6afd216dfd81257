"""One queue for all transports: who waits, who is free, and who gets what.

House rules: the oldest request of a lane goes first; a worker with several routes takes the
oldest of them all; work is bound to a worker only when that worker has a free slot; no step looks
at more than one entry of a queue, except when a route that did not exist is added or forgotten.
"""

from prack_grpc.core.deadlines import Deadlines
from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.exchange import Exchange
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind, Request
from prack_grpc.core.routes import DEFAULT, Lane, RouteTable
from prack_grpc.core.session import Session


class Queue:
    """The lanes with their waiting exchanges and ready sessions."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._tables = {kind: RouteTable(now) for kind in Kind}
        self._lingering: Deadlines[Lane] = Deadlines(tick=1.0)
        self.requests = 0
        self.bytes = 0
        self.sessions: dict[Session, None] = {}

    def lane(self, request: Request) -> Lane:
        """The lane that a request belongs to; the default one takes everything else."""
        table = self._tables[request.kind]
        return table.find(request.authority, request.path, request.method)

    def lanes(self) -> list[Lane]:
        """All lanes, in no order."""
        return [lane for table in self._tables.values() for lane in table.lanes()]

    # ------------------------------------------------------------ exchanges

    def full(self, size: int) -> bool:
        """One more waiting request of this size would break a bound."""
        limits = self._limits
        return self.requests >= limits.queue_requests or self.bytes + size > limits.queue_bytes

    def append(self, exchange: Exchange, size: int, front: bool = False) -> None:
        """Let an exchange wait in its lane."""
        exchange.lane.waiting[exchange] = None
        if front:
            exchange.lane.waiting.move_to_end(exchange, last=False)
        exchange.queued_bytes = size
        self.bytes += size
        self.requests += 1

    def grow(self, exchange: Exchange, size: int) -> None:
        """Count body bytes that came in while the exchange waits."""
        exchange.queued_bytes += size
        self.bytes += size

    def remove(self, exchange: Exchange) -> bool:
        """Take an exchange out of its lane. False if it was not waiting."""
        if exchange not in exchange.lane.waiting:
            return False
        del exchange.lane.waiting[exchange]
        self.bytes -= exchange.queued_bytes
        self.requests -= 1
        return True

    # ------------------------------------------------------------ sessions

    def join(self, session: Session, now: float) -> list[Lane]:
        """Add a session. Returns the lanes that now have both work and workers.

        Raises BadRoute or TooManySessions, with nothing changed, past a limit.
        """
        if len(self.sessions) >= self._limits.max_sessions:
            raise TooManySessions(f"at most {self._limits.max_sessions} workers may be connected")
        tables = [self._tables[kind] for kind in session.kinds]
        new = [(table, route) for table in tables for route in session.routes if route not in table]
        if len(session.routes) > self._limits.session_routes:
            raise BadRoute(f"a worker may serve at most {self._limits.session_routes} routes")
        if any(len(table) + len(new) > self._limits.max_routes for table, _ in new):
            raise BadRoute(f"the gateway knows at most {self._limits.max_routes} routes")
        for table in tables:
            for route in session.routes:
                lane = table.get(route) or table.add(route, now)
                self._lingering.clear(lane)
                lane.sessions.add(session)
                lane.seen = now
                session.lanes.append(lane)
        self.sessions[session] = None
        if new:
            self._rematch()
        return self.update(session)

    def leave(self, session: Session, now: float) -> None:
        """Remove a session; its lanes linger if it was their last."""
        del self.sessions[session]
        for lane in session.lanes:
            lane.sessions.discard(session)
            lane.ready.pop(session, None)
            lane.seen = now
            if not lane.sessions and lane.route != DEFAULT:
                self._lingering.set(lane, now + self._limits.route_linger)

    def update(self, session: Session) -> list[Lane]:
        """The session's free slots have changed: it goes to the end of each line, or leaves it.

        Returns the lanes that now have both work and workers.
        """
        if not session.free:
            for lane in session.lanes:
                lane.ready.pop(session, None)
            return []
        for lane in session.lanes:
            lane.ready[session] = None
            if len(lane.ready) > 1:
                lane.ready.move_to_end(session)
        return [lane for lane in session.lanes if lane.waiting]

    def oldest(self, session: Session) -> Exchange:
        """The exchange that has waited the longest for this session; there must be one."""
        heads = [next(iter(lane.waiting)) for lane in session.lanes if lane.waiting]
        return min(heads, key=_sequence)

    # ------------------------------------------------------------ routes

    def next_deadline(self) -> float | None:
        """When `forget` has something to do."""
        return self._lingering.next()

    def forget(self, now: float) -> list[Lane]:
        """Drop the lanes that lingered long enough; what waited there goes to a more general one.

        Returns the lanes that now have both work and workers.
        """
        gone = self._lingering.due(now)
        for lane in gone:
            lane.table.remove(lane)
        if not gone:
            return []
        self._rematch(*gone)
        return [lane for lane in self.lanes() if lane.waiting and lane.ready]

    def _rematch(self, *gone: Lane) -> None:
        waiting = [exchange for lane in (*self.lanes(), *gone) for exchange in lane.waiting]
        for lane in (*self.lanes(), *gone):
            lane.waiting.clear()
        for exchange in sorted(waiting, key=_sequence):
            exchange.lane = self.lane(exchange.request)
            exchange.lane.waiting[exchange] = None


def _sequence(exchange: Exchange) -> int:
    return exchange.sequence
