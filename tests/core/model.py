"""What the promises say about one life of a gateway, written without looking at its code.

It knows who waits in which line, who holds what, what each client is owed and when time is over.
"""

from dataclasses import dataclass, field
from itertools import product

from prack_grpc.core.exchange import Exchange, Lease, Outcome, Work
from prack_grpc.core.ledger import Verdict
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind, Request
from prack_grpc.core.routes import DEFAULT, Route
from prack_grpc.core.session import Session

Place = tuple[Kind, Route]  # each kind has its own line for a route
DEFAULTS = {(kind, DEFAULT) for kind in Kind}


@dataclass(eq=False)
class Owed:
    """What one client is owed. `begun`: it has a head; `whole`: the head is all there is."""

    exchange: Exchange
    body: bytes
    wait_until: float
    deadline: float
    hand_outs: int = 0
    returned: int = 0
    never_left: int = 0
    begun: bool = False
    whole: bool = False
    sent: bytes = b""
    got: bytes = b""
    outcome: Outcome | None = None

    @property
    def unfinished(self) -> bool:
        """The client is still here, and not yet served."""
        return self.outcome is None

    @property
    def may_be_started(self) -> bool:
        """Some worker had it and did not say that it left it alone."""
        return self.hand_outs > self.returned

    @property
    def served(self) -> bool:
        """The client has taken everything that it will get from its worker."""
        return self.begun and (self.whole or self.exchange.download.drained)


@dataclass(eq=False)
class Hand:
    """One hand-out, as its worker sees it."""

    owed: Owed
    lease: Lease
    leased_at: float
    state: Work = Work.LEASED
    expected: int = -1
    received: int = 0
    taken: bytes = b""
    verdict: Verdict = Verdict.UNKNOWN

    @property
    def open(self) -> bool:
        """The worker is to answer."""
        return self.state in (Work.LEASED, Work.ANSWERING)

    @property
    def in_ledger(self) -> bool:
        """It can be answered by its name."""
        return self.open and not self.lease.session.acknowledges


@dataclass
class Model:
    """All of them, and the lines in which they wait."""

    limits: Limits
    owed: dict[Exchange, Owed] = field(default_factory=dict)
    hands: dict[Lease, Hand] = field(default_factory=dict)
    names: dict[str, Hand] = field(default_factory=dict)
    closed: list[Hand] = field(default_factory=list)
    lines: dict[Place, list[Owed]] = field(default_factory=lambda: {one: [] for one in DEFAULTS})
    left_at: dict[Place, float] = field(default_factory=dict)
    sessions: dict[Session, list[Hand]] = field(default_factory=dict)
    polls: set[Session] = field(default_factory=set)
    drained: set[Session] = field(default_factory=set)
    draining: bool = False

    @property
    def unfinished(self) -> list[Owed]:
        """Every client that is still owed something."""
        return [owed for owed in self.owed.values() if owed.unfinished]

    @property
    def waiting(self) -> list[Owed]:
        """Everything in a line."""
        return [owed for line in self.lines.values() for owed in line]

    @property
    def held(self) -> list[Hand]:
        """Everything that takes a slot."""
        return [hand for hands in self.sessions.values() for hand in hands]

    def free(self, session: Session) -> bool:
        """This worker may be given something now."""
        return len(self.sessions[session]) < session.slots and session not in self.drained

    def ready(self, place: Place) -> set[Session]:
        """Who may be given something of this line."""
        return {one for one in self.sessions if place in places(one) and self.free(one)}

    def full(self, size: int) -> bool:
        """One more of this size may not wait."""
        limits, waiting = self.limits, self.waiting
        total = sum(bytes_of(owed) for owed in waiting)
        return len(waiting) >= limits.queue_requests or total + size > limits.queue_bytes

    # ------------------------------------------------------------ lines

    def place(self, request: Request) -> Place:
        """The line of the most specific route that matches."""
        routes = [route for kind, route in self.lines if kind is request.kind]
        fitting = [route for route in routes if matches(route, request)]
        return request.kind, max(fitting, key=specificity)

    def follow(self, lines: set[Place], now: float) -> None:
        """If routes came or went, all that waits lines up anew, oldest first."""
        for place in self.lines.keys() - lines:
            assert now >= self.left_at[place] + self.limits.route_linger
            assert not any(place in places(session) for session in self.sessions)
        if lines != self.lines.keys():
            waiting = sorted(self.waiting, key=age)
            self.lines = {place: [] for place in lines}
            for owed in waiting:
                self.lines[self.place(owed.exchange.request)].append(owed)

    def first_for(self, session: Session) -> Owed:
        """What this worker must be given next."""
        return min(
            (self.lines[place][0] for place in places(session) if self.lines[place]), key=age
        )

    def unline(self, owed: Owed) -> None:
        """It waits no more."""
        for line in self.lines.values():
            if owed in line:
                line.remove(owed)

    # ------------------------------------------------------------ hands

    def hand_out(self, lease: Lease, now: float) -> None:
        """A worker has it."""
        owed = self.owed[lease.exchange]
        self.unline(owed)
        owed.hand_outs += 1
        owed.deadline = now + self.limits.head_timeout
        self.hands[lease] = self.names[lease.identifier] = hand = Hand(owed, lease, now)
        self.sessions[lease.session].append(hand)

    def close(self, hand: Hand, verdict: Verdict, now: float) -> None:
        """Its slot is free; a session that does not acknowledge may have held its last."""
        session = hand.lease.session
        hand.state, hand.verdict = Work.CLOSED, verdict
        self.sessions[session].remove(hand)
        if not session.acknowledges:
            self.closed.append(hand)
            if session in self.drained:
                self.end_if_empty(session, now)

    def end_if_empty(self, session: Session, now: float) -> None:
        """It holds nothing, and will not be given anything."""
        if not self.sessions[session]:
            self.end(session, now)

    def end(self, session: Session, now: float) -> None:
        """The session is gone."""
        del self.sessions[session]
        self.left_at.update(dict.fromkeys(places(session), now))

    def verdicts(self, hand: Hand) -> set[Verdict]:
        """What a late answer may be told: what happened, as long as it is remembered."""
        if hand.lease.session.acknowledges:
            return {Verdict.UNKNOWN}
        if hand in self.closed[-self.limits.remembered_leases :] and not hand.owed.never_left:
            return {hand.verdict}
        return {hand.verdict, Verdict.UNKNOWN}


def places(session: Session) -> list[Place]:
    """The lines that this worker serves."""
    return list(product(session.kinds, session.routes))


def age(owed: Owed) -> int:
    """Lower is older."""
    return owed.exchange.sequence


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
