"""Routes, workers and versions: how they are, and how their requests have fared lately."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from prack_grpc.core.queue.traffic import Pool
from prack_grpc.core.status import RouteStatus, VersionStatus
from prack_grpc.dashboard.sentences import about_route
from prack_grpc.telemetry.books.demands import Load
from prack_grpc.telemetry.books.histogram import quantile, total
from prack_grpc.telemetry.books.place import Hand, Place, Recent, total_errors
from prack_grpc.telemetry.books.sightings import Sighting
from prack_grpc.telemetry.books.watch import Watch

WorkerOrder = Literal["worker", "requests", "p95", "errors", "held", "seconds"]
GONE = ("left", "lost")
Names = tuple[str, str, str]  # worker, service, version


@dataclass(frozen=True)
class Errors:
    """Which part of the requests ended badly, from 0 to 1, and whose mistake it was."""

    gateway: float
    worker: float
    client_gone: float


@dataclass(frozen=True)
class Recently:
    """The requests of the last 30 to 60 s. Times are seconds, null without requests."""

    requests_per_second: float
    errors: Errors
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class RouteRow(Recently):
    """One line of the queue. `expected_wait` is what a request that comes now may have to wait.

    Rates are per second, null where they cannot be told: those of a route whose traffic is divided
    belong to none of its versions. What has ended is told in the line of HTTP only. `last_used` is
    Unix time.
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
    arrival_rate: float | None
    service_rate: float | None
    expected_wait: float | None
    last_used: float | None
    sentence: str | None


@dataclass(frozen=True)
class WorkerRow(Recently):
    """One worker; of one that `left` or was `lost`, what it was. Its times are those that it took.

    `connected_at` and `seen_at` are Unix times.
    """

    worker: str
    service: str
    version: str
    address: str
    transport: str
    state: str
    slots: int
    held: int
    websockets: int
    tier: int
    connected_at: float
    seen_at: float
    routes: list[str]


@dataclass(frozen=True)
class VersionRow(Recently):
    """All workers of one version. `weight` is its part of divided traffic, null of other.

    One that has no worker any more has no `state`. Its times are those that its workers took;
    `seen_at` is when it ended a request last.
    """

    service: str
    version: str
    state: str | None
    workers: int
    slots: int
    held: int
    weight: int | None
    seen_at: float | None


@dataclass(frozen=True)
class Routes:
    """At most as many as were asked for, those in need first, of `total`."""

    total: int
    routes: list[RouteRow]


@dataclass(frozen=True)
class Workers:
    """At most as many as were asked for, of `total`."""

    total: int
    workers: list[WorkerRow]


@dataclass(frozen=True)
class Versions:
    """All of them."""

    versions: list[VersionRow]


# The most first, or by name; those that are gone come last.
WORKER_ORDERS: dict[WorkerOrder, Callable[[WorkerRow], Any]] = {
    "worker": lambda row: (row.state in GONE, row.service, row.version, row.worker),
    "requests": lambda row: (row.state in GONE, -row.requests_per_second, row.worker),
    "p95": lambda row: (row.state in GONE, -(row.p95 or 0.0), row.worker),
    "errors": lambda row: (
        row.state in GONE,
        -(row.errors.worker + row.errors.gateway),
        row.worker,
    ),
    "held": lambda row: (row.state in GONE, -row.held, row.worker),
    "seconds": lambda row: (row.state in GONE, row.connected_at, row.worker),
}


ROUTE_ORDERS = {"need": lambda row: (-row.waiting, row.route, row.version)}


def recently(many: Iterable[Recent], seconds: float) -> dict[str, Any]:
    """The fields of Recently, of all these together, over so many seconds."""
    recents = list(many)
    requests = sum(recent.requests for recent in recents)
    errors = total_errors(recents)
    times = total(recent.times for recent in recents)
    return {
        "requests_per_second": requests / seconds if seconds else 0.0,
        "errors": Errors(**{name: share(count, requests) for name, count in errors.items()}),
        "p50": quantile(times, 0.5),
        "p95": quantile(times, 0.95),
    }


def share(count: int, requests: int) -> float:
    """Which part that is, 0 of nothing."""
    return count / requests if requests else 0.0


class Rows:
    """The tables of this moment."""

    def __init__(self, watch: Watch) -> None:
        watch.books.settle()
        self._watch = watch
        self._seconds = watch.books.window(time.monotonic())
        self._status = watch.look_up()

    def routes(self, text: str, most: int) -> Routes:
        """Those with this text in their name."""
        rows = [row for row in self._status.routes if text in row.route]
        rows.sort(key=ROUTE_ORDERS["need"])
        return Routes(len(rows), [self._route(row) for row in rows[:most]])

    def workers(self, text: str, sort: WorkerOrder, most: int) -> Workers:
        """Those with this text in a name."""
        hands: dict[Names, list[Recent]] = defaultdict(list)
        for hand in self._watch.books.hands.values():
            hands[hand.worker, hand.place.service, hand.place.version].append(hand.recent)
        known = self._watch.workers.known
        rows = [
            self._worker(seen, hands[names])
            for names, seen in known.items()
            if any(text in name for name in names)
        ]
        rows.sort(key=WORKER_ORDERS[sort])
        return Workers(len(rows), rows[:most])

    def versions(self) -> Versions:
        """All of which a worker is here, or was a moment ago."""
        here = {(row.service, row.version): row for row in self._status.versions}
        hands: dict[Pool, list[Hand]] = defaultdict(list)
        for hand in self._watch.books.hands.values():
            if hand.transport and hand.recent.requests:
                hands[hand.place.service, hand.place.version].append(hand)
        names = sorted({*here, *hands})
        return Versions([self._version(pool, here.get(pool), hands[pool]) for pool in names])

    def _route(self, row: RouteStatus) -> RouteRow:
        places, load = [], None
        if row.kind == "http":  # WebSockets are not told apart in the books
            places = [place for place in self._watch.books.places.values() if _at(place, row)]
            load = None if row.version else self._watch.demands.routes.get(row.route)
        last_used = max((place.last_used for place in places), default=0.0)
        return RouteRow(
            **recently((place.recent for place in places), self._seconds),
            route=row.route,
            kind=row.kind,
            version=row.version,
            workers=row.workers,
            slots=row.slots,
            busy=row.busy,
            free=row.free,
            waiting=row.waiting,
            waiting_bytes=row.waiting_bytes,
            oldest=row.oldest,
            arrival_rate=load.demand.arrival_rate if load else None,
            service_rate=load.demand.service_rate if load else None,
            expected_wait=_expected_wait(row, load),
            last_used=self._watch.unix(last_used) if last_used else None,
            sentence=about_route(row, load),
        )

    def _worker(self, seen: Sighting, recents: list[Recent]) -> WorkerRow:
        row = seen.status
        return WorkerRow(
            **recently(recents, self._seconds),
            worker=row.worker,
            service=row.service,
            version=row.version,
            address=row.address,
            transport=row.transport,
            state=seen.gone or row.state,
            slots=0 if seen.gone else row.slots,
            held=0 if seen.gone else row.held,
            websockets=0 if seen.gone else row.websockets,
            tier=row.tier,
            connected_at=self._watch.unix(seen.first),
            seen_at=self._watch.unix(seen.last),
            routes=row.routes,
        )

    def _version(self, pool: Pool, row: VersionStatus | None, hands: list[Hand]) -> VersionRow:
        last_used = max((hand.last_used for hand in hands), default=0.0)
        return VersionRow(
            **recently((hand.recent for hand in hands), self._seconds),
            service=pool[0],
            version=pool[1],
            state=row.state if row else None,
            workers=row.workers if row else 0,
            slots=row.slots if row else 0,
            held=row.held if row else 0,
            weight=row.weight if row else None,
            seen_at=self._watch.unix(last_used) if last_used else None,
        )


def _at(place: Place, row: RouteStatus) -> bool:
    """Whether what is done there came this way."""
    pool = row.version in ("", f"{place.service}/{place.version}")
    return place.route == row.route and pool


def _expected_wait(row: RouteStatus, load: Load | None) -> float | None:
    if row.free and not row.waiting:
        return 0.0
    rate = row.rate or (load.demand.service_rate if load else 0.0)
    return (row.waiting + 1) / rate if rate else None
