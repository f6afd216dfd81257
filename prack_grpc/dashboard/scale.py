"""The signal to scale by, see docs/scaling.md."""

from dataclasses import dataclass
from typing import Any

from prack_grpc.telemetry.books.demands import Load
from prack_grpc.telemetry.books.watch import Watch


@dataclass(frozen=True)
class Need:
    """What a route, or all routes of a service, would need so that requests hardly ever wait longer
    than `wait` seconds. Rates are per second, `expected_rate` is what to be ready for;
    `service_seconds`, how long a request holds a slot, is null before the first.
    """

    wait: float
    waiting: int
    oldest: float
    slots: int
    busy: int
    arrival_rate: float
    expected_rate: float
    service_rate: float
    service_seconds: float | None
    slots_wanted: int


@dataclass(frozen=True)
class RouteNeed(Need):
    """That of one route."""

    route: str


@dataclass(frozen=True)
class Needs:
    """That of all routes."""

    wait: float
    routes: list[RouteNeed]


def needs(watch: Watch, wait: float) -> Needs:
    """Those of all routes, by name."""
    loads = sorted(watch.demands.routes.items())
    return Needs(wait, [RouteNeed(**_figures(load, wait), route=route) for route, load in loads])


def need(load: Load, wait: float) -> Need:
    """That of one."""
    return Need(**_figures(load, wait))


def _figures(load: Load, wait: float) -> dict[str, Any]:
    demand = load.demand
    return {
        "wait": wait,
        "waiting": load.waiting,
        "oldest": load.oldest,
        "slots": load.slots,
        "busy": load.busy,
        "arrival_rate": demand.arrival_rate,
        "expected_rate": demand.expected_rate,
        "service_rate": demand.service_rate,
        "service_seconds": demand.service_seconds,
        "slots_wanted": demand.wanted(wait),
    }
