"""The lines in which exchanges wait and workers stand, as the promises see them.

Each route has a line for each kind, and, where a split divides its requests, one for each version.
When lines come and go is the queue's to say, within bounds; the rest is worked out here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, product

from prack_grpc.core.exchange.exchange import ExchangeLane, Session
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import DEFAULT, Route
from prack_grpc.core.queue.traffic import Pool, Split
from tests.core.owed import Hand, Owed

Place = tuple[Kind, Route, Pool | None]
DEFAULTS: set[Place] = {(kind, DEFAULT, None) for kind in Kind}
# The one service whose requests are divided.
SERVICE = "web"
# A line may linger this much longer than it has to.
LINGER_TICK = 1.0


@dataclass
class Lines:
    """Who waits and who serves, line by line.

    `live` are the lines of routes, and those of versions that have workers or had some just now.
    `lanes` is what there is for each, and `begun` are the clients of all that has left these.
    """

    limits: Limits
    lanes: dict[Place, ExchangeLane] = field(default_factory=dict)
    lines: dict[Place, list[Owed]] = field(default_factory=lambda: {one: [] for one in DEFAULTS})
    live: set[Place] = field(default_factory=lambda: set(DEFAULTS))
    left_at: dict[Place, float] = field(default_factory=dict)
    turns: dict[Place, int] = field(default_factory=dict)
    sessions: dict[Session, list[Hand]] = field(default_factory=dict)
    drained: set[Session] = field(default_factory=set)
    paused: list[Pool | str] = field(default_factory=list)
    split: Split | None = None
    choices: dict[object, Pool] = field(default_factory=dict)
    begun: dict[ExchangeLane, list[str]] = field(default_factory=dict)
    places_given: Iterator[int] = field(default_factory=count)

    @property
    def waiting(self) -> list[Owed]:
        """Everything in a line."""
        return [owed for line in self.lines.values() for owed in line]

    # ------------------------------------------------------------ workers in line

    def in_line(self, session: Session) -> bool:
        """It stands in the lines of its routes, free or not."""
        away = session.profile.acknowledges and session in self.drained
        paused = session.profile.worker in self.paused or session.pool in self.paused
        return session in self.sessions and not (away or paused)

    def free(self, session: Session, kind: Kind) -> int:
        """So much of this kind may be given to this worker now, if above 0."""
        if session in self.drained:
            return 0
        hands, own = self.sessions[session], session.websocket_slots
        if not own:
            return session.slots - len(hands)
        sockets = [one for one in hands if one.owed.exchange.request.kind is Kind.WEBSOCKET]
        if kind is Kind.WEBSOCKET:
            return own - len(sockets)
        return session.slots - (len(hands) - len(sockets))

    def places(self, session: Session) -> list[Place]:
        """The lines in which this worker stands."""
        if not self.in_line(session):
            return []
        return [
            (kind, route, session.pool if self.divided(kind, route) else None)
            for kind, route in served(session)
        ]

    def ready(self, place: Place) -> set[Session]:
        """Who may be given something of this line."""
        return {
            one
            for one in self.sessions
            if place in self.places(one) and self.free(one, place[0]) > 0
        }

    def open(self, place: Place) -> set[Session]:
        """Who may be given something of this line though its body is still on its way.

        Of a worker's slots a part is kept free of such requests, but for one.
        """
        share = self.limits.upload_share
        return {
            one
            for one in self.ready(place)
            if place[0] is Kind.HTTP
            and sum(hand.owed.coming for hand in self.sessions[one] if not one.profile.collects)
            < max(1, math.floor(one.slots * share))
        }

    def takers(self, place: Place, coming: bool) -> set[Session]:
        """Who may be given the next of this line; `coming`: its body is still on its way.

        The last poll that is free is kept for others, unless it is all there is.
        """
        if not coming:
            return self.ready(place)
        open_, all_ = self.open(place), [one for one in self.sessions if place in self.places(one)]
        last = len(self.ready(place)) == 1 < len(all_)
        return {
            one for one in open_ if one.profile.acknowledges or one.profile.collects or not last
        }

    def leave_lines(self, session: Session, now: float) -> None:
        """It is about to leave them; a version lingers only if its workers do not acknowledge."""
        if self.in_line(session):
            for kind, route in served(session):
                self.left_at[kind, route, None] = now
                if session.profile.acknowledges:
                    self.left_at.pop((kind, route, session.pool), None)
                else:
                    self.left_at[kind, route, session.pool] = now

    # ------------------------------------------------------------ exchanges in line

    def place(self, request: Request, number: int, pool: Pool | None) -> Place:
        """The line of the most specific route that matches; `pool` is the version chosen."""
        fitting = [
            route
            for kind, route, version in self.lines
            if kind is request.kind and version is None and matches(route, request)
        ]
        kind, route = request.kind, max(fitting, key=specificity)
        if self.divided(kind, route):
            self.check_choice(request, number, (kind, route, pool))
        else:
            assert pool is None
        return kind, route, pool

    def line_of(self, owed: Owed) -> list[Owed]:
        """The line in which it waits, or is to wait."""
        exchange = owed.exchange
        place = self.place(exchange.request, exchange.sequence, pool_of(exchange.lane))
        return self.lines.setdefault(place, [])

    def check_choice(self, request: Request, number: int, place: Place) -> None:
        """A version with a weight and, if there is one, with workers; always the same again."""
        kind, route, pool = place
        assert self.split is not None
        named = {(SERVICE, version) for version, weight in self.split.weights if weight}
        alive = {one for one in named if (kind, route, one) in self.live}
        assert pool in (alive or named)
        value = self.split.sticky.value(request) if self.split.sticky else b""
        given = (self.split, frozenset(alive), value or number)
        assert self.choices.setdefault(given, pool) == pool, "not the version it had before"

    def next_for(self, session: Session, now: float) -> list[Owed]:
        """What this worker must be given next: one of its line that was served least recently."""
        places = [place for place in self.places(session) if self.next_of(place, now)]
        turn = min((self.turns.get(place, 0) for place in places), default=0)
        return [
            owed
            for place in places
            if self.turns.get(place, 0) == turn and (owed := self.next_of(place, now))
        ]

    def next_of(self, place: Place, now: float) -> Owed | None:
        """The more urgent, then the older, of the two that are next: a body is here, or coming.

        Whose client has its share of the requests in work goes only if all that wait are such, and
        waits on if one slot is left for others.
        """
        coming = [one for one in self.lines[place] if one.coming]
        here = [one for one in self.lines[place] if not one.coming]
        lines = [line for line in (here, coming) if line and self.takers(place, line is coming)]
        nexts = [self.next_in(place, in_order(line), now) for line in lines]
        below = [one for one in nexts if not self.has_its_share(place, client_of(one))]
        first = min(below or nexts, key=urgency, default=None)
        return None if first and self.is_left(place, client_of(first)) else first

    def next_in(self, place: Place, line: list[Owed], now: float) -> Owed:
        """The oldest of the most urgent; the newest of them once the oldest has waited too long."""
        waited = now - line[0].wait_until + self.limits.queue_timeout
        line = [one for one in line if not self.has_its_share(place, client_of(one))] or line
        level = [one for one in line if urgency(one)[0] == urgency(line[0])[0]]
        return level[-1] if waited >= self.limits.newest_first_after else level[0]

    def in_work(self, place: Place) -> list[str]:
        """The clients of what workers hold of this line; a trusted proxy is nobody."""
        hands = [hand for hands in self.sessions.values() for hand in hands]
        mine = [hand.owed for hand in hands if hand.lease.lane is self.lanes[place]]
        return [client_of(owed) for owed in mine]

    def has_its_share(self, place: Place, client: str) -> bool:
        """It has so much in work that others go first."""
        clients = self.in_work(place)
        most = max(1, math.floor((len(clients) + 1) * self.limits.client_share))
        return bool(client) and clients.count(client) >= most

    def is_left(self, place: Place, client: str) -> bool:
        """One slot is free, of many, and this client, which has its share, leaves it to others.

        That is, if others had one of the hand-outs of late.
        """
        free = sum(self.free(one, place[0]) for one in self.ready(place))
        many = len(self.in_work(place)) + 1 >= self.limits.last_slot_of
        late = self.begun.get(self.lanes[place], [])[-self.limits.lately :]
        others = any(one != client for one in late)
        return free == 1 and many and others and self.has_its_share(place, client)

    def arrive(self, owed: Owed) -> None:
        """The last of its body is here: if it waits, it is now the last of those that are here."""
        coming, owed.here = owed.coming, True
        for line in self.lines.values():
            if owed in line and coming:
                line.remove(owed)
                line.append(owed)
                owed.place = next(self.places_given)

    def unline(self, owed: Owed) -> None:
        """It waits no more."""
        for line in self.lines.values():
            if owed in line:
                line.remove(owed)

    def full(self, place: Place, size: int) -> bool:
        """One more of this size may not wait: the queue, or the route's part of it, is full."""
        limits, waiting = self.limits, self.waiting
        bounds = [(waiting, 1.0)]
        if len({route for kind, route, _ in self.lines if kind is place[0]}) > 1:
            same = [line for other, line in self.lines.items() if other[:2] == place[:2]]
            bounds.append(([owed for line in same for owed in line], limits.route_share))
        return any(
            len(those) >= limits.queue_requests * share
            or sum(map(bytes_of, those)) + size > limits.queue_bytes * share
            for those, share in bounds
        )

    # ------------------------------------------------------------ lines that come and go

    def divided(self, kind: Kind, route: Route) -> bool:
        """The requests of this route are divided between versions."""
        return any(one[:2] == (kind, route) and one[2] is not None for one in self.lines)

    def divide(self, split: Split | None) -> None:
        """All that waits lines up anew, whatever was there before."""
        self.split = split
        for book in (self.left_at, self.turns):
            for place in [place for place in book if place[2] is not None]:
                del book[place]
        self.live = set()

    def follow(self, lanes: dict[Place, bool], now: float) -> None:
        """These are the lines now, and whether they are live.

        Where a live one came or went, all that waits lines up anew, oldest first.
        """
        live = {place for place, alive in lanes.items() if alive}
        gone, known = self.live - live, self.live
        waiting = sorted(self.waiting, key=age)
        self.live = live
        if live == known:
            for place in lanes:
                self.lines.setdefault(place, [])
            assert self.lines.keys() == lanes.keys()
            return
        self.turns = {place: turn for place, turn in self.turns.items() if place in live}
        self.lines = {place: [] for place in lanes}
        assert all(self.may_end(place, now) for place in gone)
        self.check_lines()
        for owed in waiting:
            self.line_of(owed).append(owed)

    def may_end(self, place: Place, now: float) -> bool:
        """Nobody serves this line, and it has lingered; that of a version ends with others, too."""
        kind, route, pool = place
        if pool is None:
            return not self.users(place) and now >= self.left_at[place] + self.limits.route_linger
        if (kind, route, None) not in self.lines:
            return True
        if not self.divided(kind, route) and pool[0] != SERVICE:
            return True
        return not self.users(place) and now >= self.lingers_until(place)

    def users(self, place: Place) -> list[Session]:
        """Who would stand in this line if it were there."""
        kind, route, pool = place
        sessions = [one for one in self.sessions if self.in_line(one)]
        mine = [one for one in sessions if (kind, route) in served(one)]
        return mine if pool is None else [one for one in mine if one.pool == pool]

    def lingers_until(self, place: Place) -> float:
        """When a line that nobody serves may end."""
        linger = self.limits.share_linger if place[2] else self.limits.route_linger
        return self.left_at.get(place, -linger) + linger

    def check_lines(self) -> None:
        """There is a line for whoever stands in one, and no other but those that linger."""
        for session in filter(self.in_line, self.sessions):
            for kind, route in served(session):
                assert (kind, route, None) in self.live
                if self.divided(kind, route):
                    assert (kind, route, session.pool) in self.live
                else:
                    assert not self.split or session.profile.service != SERVICE
        for place in self.lines.keys() - DEFAULTS:
            pool = place[2]
            if place in self.live:
                assert self.users(place) or place in self.left_at
            elif self.split and pool:
                assert pool in {(SERVICE, version) for version, _ in self.split.weights}
            else:
                raise AssertionError("a version's line without a split")
            mine = [one for one in self.live if one[:2] == place[:2] and one[2]]
            assert pool is None or any(one[2] and one[2][0] == SERVICE for one in mine)

    def overdue(self, now: float) -> list[Place]:
        """The lines that have lingered for too long."""
        idle = [place for place in self.live - DEFAULTS if not self.users(place)]
        return [place for place in idle if self.lingers_until(place) < now - LINGER_TICK - 1e-9]


def pool_of(lane: ExchangeLane) -> Pool | None:
    """The version whose line it is, None for that of the route itself."""
    return None if lane is lane.base else lane.pool


def served(session: Session) -> list[tuple[Kind, Route]]:
    """The routes that this worker serves, by kind."""
    return list(product(session.profile.kinds, session.profile.routes))


def rank(session: Session, place: Place) -> tuple[int, bool]:
    """Lower goes first: a lower tier, and for WebSockets a stream before polls."""
    return session.profile.tier, place[0] is Kind.WEBSOCKET and not session.profile.acknowledges


def in_order(line: list[Owed]) -> list[Owed]:
    """The most urgent first, of them the oldest."""
    return sorted(line, key=urgency)


def urgency(owed: Owed) -> tuple[int, int]:
    """Lower goes first."""
    return owed.exchange.request.priority, age(owed)


def age(owed: Owed) -> int:
    """Lower is older."""
    return owed.place


def client_of(owed: Owed) -> str:
    """Empty for one that limits by client do not know, such as a trusted proxy."""
    return owed.exchange.request.counts_for


def bytes_of(owed: Owed) -> int:
    """What it counts while it waits."""
    return owed.exchange.request.size + len(owed.body)


def matches(route: Route, request: Request) -> bool:
    """Tried alone, without any table."""
    host = request.authority.decode().partition(":")[0]
    suffix = route.host.removeprefix("*")
    on_host = not route.host or host == route.host or (suffix[:1] == "." and host.endswith(suffix))
    on_path = f"{request.path.decode()}/".startswith(f"{route.path}/")
    return on_host and on_path and (not route.methods or request.method.decode() in route.methods)


def specificity(route: Route) -> tuple[bool, int, int, bool]:
    """Exact hosts before the longest wildcard, then the longest path, then named methods."""
    exact = bool(route.host) and not route.host.startswith("*")
    return exact, len(route.host), len(route.path), bool(route.methods)
