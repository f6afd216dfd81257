"""What routes and services are seen to need."""

import pytest

from prack_grpc.core.status import RouteStatus, Serving, WorkerStatus
from prack_grpc.telemetry.books.demands import Demands
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.sightings import Sightings


def line(
    route: str, accepted: int, waiting: int, busy: int, kind: str = "http", version: str = ""
) -> RouteStatus:
    return RouteStatus(
        route, kind, version, 1, 4, busy, 0, waiting, 0, 1.5, None, accepted, accepted // 10, 0
    )


def serving(service: str, *routes: str) -> WorkerStatus:
    return WorkerStatus(
        f"of {service}",
        service,
        "v1",
        Serving.ACTIVE,
        4,
        0,
        0,
        0,
        0.0,
        "prack",
        "",
        [*routes],
        "token",
    )


def seen(seconds: int, *workers: WorkerStatus) -> Demands:
    """Ten requests a second, of which two slots are busy all the time."""
    demands, sightings = Demands(), Sightings(Marks(1), 10)
    for now in range(seconds):
        sightings.look(list(workers), float(now), 0.0)
        rows = [line("a/", 10 * now, 0, 2), line("a/", 0, 0, 0, "websocket"), line("b/", 0, 3, 0)]
        demands.look(rows, sightings.known.values(), float(now))
    return demands


def test_a_route_has_its_rates_and_the_service_those_of_its_routes() -> None:
    demands = seen(60, serving("shop", "a/", "b/"), serving("blog", "c/"))
    assert demands.routes["a/"].demand.arrival_rate == pytest.approx(10, rel=0.01)
    assert demands.routes["a/"].demand.service_seconds == pytest.approx(0.2, rel=0.05)
    assert demands.routes["a/"].slots == 4
    shop = demands.services["shop"]
    assert (shop.waiting, shop.busy, shop.slots, shop.oldest) == (3, 2, 4, 1.5)
    assert shop.demand.arrival_rate == pytest.approx(10, rel=0.01)
    assert demands.services["blog"].demand.arrival_rate == 0


def test_versions_have_their_own_slots_and_kinds_share_them() -> None:
    demands = Demands()
    rows = [line("a/", 0, 0, 0, "http", "shop/v1"), line("a/", 0, 0, 0, "http", "shop/v2")]
    demands.look([*rows, line("a/", 0, 0, 0, "websocket")], [], 0.0)
    assert demands.routes["a/"].slots == 8


def test_what_is_gone_is_forgotten() -> None:
    demands = seen(3, serving("shop", "a/"))
    demands.look([], [], 3.0)
    assert not demands.routes
    assert not demands.services


def test_a_line_that_goes_takes_no_requests_with_it() -> None:
    """Of a route whose last worker for WebSockets leaves, the rest goes on."""
    demands = Demands()
    for now in range(60):
        rows = [line("a/", now, 0, 1), line("a/", 100_000, 0, 0, "websocket")]
        demands.look(rows if now < 30 else rows[:1], [], float(now))
    load = demands.routes["a/"]
    assert (load.accepted, load.passed_over) == (100_059, 10_005)
    assert load.demand.arrival_rate == pytest.approx(1, rel=0.05)
