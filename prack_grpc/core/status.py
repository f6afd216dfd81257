"""What is going on: who is here, what waits and what has been done. Looking changes nothing."""

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Session
from prack_grpc.core.exchange.states import Caller
from prack_grpc.core.http.message import WEBSOCKET, Kind, Request
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.worker import LINK, Profile


class Serving(enum.StrEnum):
    """What becomes of a worker, or of a version."""

    ACTIVE = "active"
    PAUSED = "paused"  # it is given nothing until it wants to go on
    DRAINING = "draining"  # it is given nothing more, and finishes what it holds
    DRAINED = "drained"  # it holds nothing: safe to stop


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker, or what a peer has lent, which is shown as a worker "via" that gateway.

    Of one that polls, `slots` are those of the polls that are parked or unanswered.
    Of those `held`, `websockets` are WebSockets, which may have slots beside these.
    `seconds` is how long it has been here, for one that polls since the oldest of these polls.
    It comes from `address`, with the credentials of `principal`.
    """

    worker: str
    service: str
    version: str
    state: Serving
    slots: int
    held: int
    websockets: int
    tier: int
    seconds: float
    transport: str
    address: str
    routes: list[str]
    principal: str


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """All workers of one version that are here, and whether it has any here or at peers.

    `weight` is its part of split traffic, None of other.
    """

    service: str
    version: str
    state: Serving
    workers: int
    slots: int
    held: int
    weight: int | None


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """One line. `version` is empty unless the traffic of the route is split.

    `oldest` is the age in seconds of what has waited the longest, `rate` what leaves the line a
    second, None while it cannot be told. Its workers have so many `slots`; `busy` of them are
    held by its requests. `accepted` counts these since the route is known, and `passed_over` how
    often a client that had its share was. Of those that wait, `crowd` are of one such client.
    Of the workers `guests` stand for those of peers, with all `borrowed` of the slots.
    """

    route: str
    kind: str
    version: str
    workers: int
    slots: int
    busy: int
    free: int
    waiting: int
    waiting_bytes: int
    oldest: float
    rate: float | None
    accepted: int
    passed_over: int
    crowd: int
    guests: int = 0
    borrowed: int = 0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The whole queue, and the conservation law: see `Counters`."""

    waiting: int
    waiting_bytes: int
    oldest: float
    in_flight: int
    accepted: int
    done: dict[str, int]
    leased: int
    leases: dict[str, int]
    open_leases: int
    redelivered: dict[str, int]


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """A request that is not over. Without a `profile`, that of its worker, it waits.

    It is here for `seconds`, of which it waited `queued`; `answering` says that its response began.
    """

    id: str
    request: Request
    route: str
    profile: Profile | None
    attempt: int
    seconds: float
    queued: float
    answering: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one moment. What is hosted for a peer counts only as held by its worker."""

    queue: QueueStatus
    workers: list[WorkerStatus]
    versions: list[VersionStatus]
    routes: list[RouteStatus]
    splits: list[Split]
    paused: list[Pool | str]

    @property
    def here(self) -> list[WorkerStatus]:
        """The workers that are connected to this gateway."""
        return [row for row in self.workers if row.transport != LINK]


def status(core: Dispatcher, now: float) -> Status:
    """How things are now."""
    sessions = list(core.queue.sessions)
    held = (lease for session in sessions for lease in session.held.values())
    busy = Counter(lease.exchange.lane for lease in held if lease.exchange.loan is None)
    return Status(
        _queue(core, now),
        _workers(core, sessions, now),
        _versions(core, sessions),
        [_route(core, lane, busy, now) for lane in _lanes(core.queue) if not lane.shares],
        list(core.queue.splits.values()),
        list(core.paused),
    )


def exchanges(core: Dispatcher, now: float) -> Iterator[ExchangeStatus]:
    """What is not over, the oldest first. To be read before anything changes."""
    for one in _own(core):
        lease = one.lease
        yield ExchangeStatus(
            one.id,
            one.request,
            one.lane.name,
            lease.session.profile if lease else None,
            one.attempt,
            now - one.accepted_at,
            (one.leased_at if lease else now) - one.accepted_at,
            one.state is Caller.ANSWERING,
        )


def _own(core: Dispatcher) -> Iterator[Exchange]:
    """What is not over of this gateway's clients."""
    return (one for one in core.exchanges.values() if one.loan is None)


def _queue(core: Dispatcher, now: float) -> QueueStatus:
    counters = core.counters
    ends = ("answered", "returned", "failed", "cancelled")
    return QueueStatus(
        core.queue.requests,
        core.queue.bytes,
        max((_oldest(lane, now) for lane in _standing(core.queue)), default=0.0),
        sum(1 for _ in _own(core)),
        counters.accepted,
        {outcome.value: count for outcome, count in counters.done.items()},
        counters.leased,
        {end: getattr(counters, end) for end in ends},
        # Counted and not computed, so that whoever looks can see that the books balance.
        sum(
            not one.cancelled and one.exchange.loan is None
            for session in core.queue.sessions
            for one in session.held.values()
        ),
        dict(counters.redelivered),
    )


def _workers(core: Dispatcher, sessions: list[Session], now: float) -> list[WorkerStatus]:
    named: dict[tuple[str, Pool, str], list[Session]] = defaultdict(list)
    for session in sessions:
        about = session.profile
        worker = f"via {about.worker}" if session.guest else about.worker
        named[worker, session.pool, session.principal.name].append(session)
    return [
        WorkerStatus(
            worker,
            *pool,
            _serving(core, of_worker),
            sum(session.slots for session in of_worker),
            sum(len(session.held) for session in of_worker),
            sum(session.sockets for session in of_worker),
            of_worker[0].profile.tier,
            now - min(session.joined_at for session in of_worker),
            of_worker[0].profile.transport,
            of_worker[0].profile.address,
            [str(route) for route in of_worker[0].profile.routes],
            principal,
        )
        for (worker, pool, principal), of_worker in sorted(named.items())
    ]


def _versions(core: Dispatcher, sessions: list[Session]) -> list[VersionStatus]:
    pools: dict[Pool, list[Session]] = defaultdict(list)
    for session in sessions:
        pools[session.pool].append(session)
    return [
        VersionStatus(
            *pool,
            _serving(core, of_version),
            len({session.profile.worker for session in here}),
            sum(session.slots for session in here),
            sum(len(session.held) for session in here),
            _weight(core, pool),
        )
        for pool, of_version in sorted(pools.items())
        for here in ([session for session in of_version if not session.guest],)
    ]


def _weight(core: Dispatcher, pool: Pool) -> int | None:
    split = core.queue.splits.get(pool[0])
    return dict(split.weights).get(pool[1], 0) if split else None


def _serving(core: Dispatcher, sessions: list[Session]) -> Serving:
    serving = [session for session in sessions if _takes_work(core, session)]
    if serving:
        return Serving.ACTIVE if any(one.slots for one in serving) else Serving.PAUSED
    return Serving.DRAINING if any(session.held for session in sessions) else Serving.DRAINED


def _takes_work(core: Dispatcher, session: Session) -> bool:
    """A poll that has ended is part of a worker that is here, and may poll again."""
    ended = session.draining and session.profile.acknowledges
    return not (ended or session.paused or _weight(core, session.pool) == 0)


def _standing(queue: Queue) -> Iterator[ExchangeLane]:
    """Where something waits, and the versions of such routes."""
    return (lane for base in queue.standing for lane in (base, *base.shares.values()))


def _lanes(queue: Queue) -> Iterable[ExchangeLane]:
    """Those with workers, or with something that waits: not all, of which many may linger."""
    served = (lane for session in queue.sessions for lane in session.lanes)
    waited = (lane for lane in _standing(queue) if lane.count)
    return dict.fromkeys(chain(served, waited))


def _route(
    core: Dispatcher, lane: ExchangeLane, busy: Counter[ExchangeLane], now: float
) -> RouteStatus:
    return RouteStatus(
        lane.name,
        lane.kind.name.lower(),
        "/".join(lane.pool) if lane is not lane.base else "",
        len({session.profile.worker for session in lane.sessions}),
        sum(_slots(session, lane.kind) for session in lane.sessions),
        busy[lane],
        sum(session.room(lane.kind) for session in lane.ready),
        lane.count,
        lane.bytes,
        _oldest(lane, now),
        lane.pace.rate(now) if lane.waiting else None,
        lane.accepted,
        lane.passed_over,
        core.queue.choice.crowd(lane) if lane.count else 0,
        *_guests(lane.sessions),
    )


def _guests(sessions: Iterable[Session]) -> tuple[int, int]:
    """How many peers are among these, and how many slots they have lent."""
    guests = [session for session in sessions if session.guest]
    return len({one.profile.worker for one in guests}), sum(one.slots for one in guests)


def _slots(session: Session, kind: Kind) -> int:
    """How many requests of this kind it holds at most."""
    return session.websocket_slots or session.slots if kind is WEBSOCKET else session.slots


def _oldest(lane: ExchangeLane, now: float) -> float:
    firsts: list[Exchange] = [line.first() for line in (lane.waiting, lane.uploads) if line]
    return max((now - first.accepted_at for first in firsts), default=0.0)
