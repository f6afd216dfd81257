"""Routes, workers and versions: how they are, and how their requests have fared lately."""

from collections.abc import Iterable
from dataclasses import dataclass

from prack_grpc.core.status import RouteStatus, Serving, VersionStatus
from prack_grpc.dashboard.sentences import about_route
from prack_grpc.telemetry.books.histogram import quantile, total
from prack_grpc.telemetry.books.place import Recent
from prack_grpc.telemetry.books.sightings import Sighting
from prack_grpc.telemetry.books.watch import Watch


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

    Rates are per second, null while they cannot be told; `last_used` is Unix time.
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

    One that has no worker any more has no `state`. `seen_at` is when it ended a request last.
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


def recently(many: Iterable[Recent], seconds: float) -> tuple[float, Errors, float | None, float | None]:
    """The fields of Recently, of all these together, over so many seconds."""
    recents = list(many)
    requests = sum(recent.requests for recent in recents)
    errors = [recent.errors() for recent in recents]
    shares = (
        sum(one[name] for one in errors) / requests if requests else 0.0
        for name in ("gateway", "worker", "client_gone")
    )
    times = total(recent.times for recent in recents)
    rate = requests / seconds if seconds else 0.0
    return rate, Errors(*shares), quantile(times, 0.5), quantile(times, 0.95)
