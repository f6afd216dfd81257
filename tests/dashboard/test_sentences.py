"""What is wrong, in words."""

from typing import Any

import pytest

from prack_grpc.core.status import RouteStatus
from prack_grpc.dashboard.sentences import about_route, told
from prack_grpc.telemetry.books.demands import Load


def line(**figures: Any) -> RouteStatus:
    values: dict[str, Any] = {
        "route": "shop.example.com/",
        "kind": "http",
        "version": "",
        "workers": 2,
        "slots": 16,
        "busy": 16,
        "free": 0,
        "waiting": 214,
        "waiting_bytes": 0,
        "oldest": 9.0,
        "rate": 8.0,
        "accepted": 500,
        "passed_over": 0,
        "crowd": 0,
    }
    return RouteStatus(**values | figures)


def loaded(seconds: int, rate: int, busy: int, waiting: int) -> Load:
    """A route that was looked at for so long."""
    load = Load()
    for now in range(seconds):
        load.accepted, load.busy, load.waiting = rate * now + waiting + busy, busy, waiting
        load.observe(float(now))
    return load


def test_a_route_that_waits_says_how_slow_it_is_and_what_would_help() -> None:
    text = about_route(line(), loaded(60, 8, 16, 214))
    assert text is not None
    assert text.startswith("shop.example.com/: 214 waiting, 0 of 16 slots free; a request takes 2")
    assert text.endswith("more slots would clear it")


def test_a_free_slot_is_left_to_others_or_about_to_be_taken() -> None:
    text = about_route(line(free=1, crowd=200), None)
    assert text is not None
    assert "214 waiting, 1 of 16 slots free; one client has 200" in text
    assert about_route(line(free=1), None) is None


@pytest.mark.parametrize(
    ("crowd", "end"),
    [
        (200, "; one client has 200 of them and its share of the slots: others go first"),
        (107, "more slots would clear it"),
        (9, "more slots would clear it"),
    ],
)
def test_a_line_that_one_client_has_made_needs_no_more_slots(crowd: int, end: str) -> None:
    text = about_route(line(crowd=crowd), loaded(60, 8, 16, 214))
    assert text is not None
    assert text.endswith(end)


def test_a_route_without_workers_says_how_to_start_one() -> None:
    text = about_route(line(workers=0, slots=0, busy=0), None)
    assert text is not None
    assert "214 waiting and no worker is connected" in text
    assert "`prack-worker`" in text


def test_a_route_whose_workers_have_paused_says_so() -> None:
    text = about_route(line(slots=0, busy=3), None)
    assert text == "shop.example.com/: 214 waiting and its workers have paused; see why"


def test_versions_are_named() -> None:
    text = about_route(line(version="shop/v2"), None)
    assert text == "shop.example.com/ (shop/v2): 214 waiting, 0 of 16 slots free"


@pytest.mark.parametrize("figures", [{"waiting": 0}, {"free": 1}])
def test_of_a_route_that_is_well_nothing_is_said(figures: dict[str, int]) -> None:
    assert about_route(line(**figures), None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.25, "250 ms"), (1.944, "1.94 s"), (59.9, "59.9 s"), (600, "10 min")],
)
def test_times_are_told_as_people_read_them(seconds: float, text: str) -> None:
    assert told(seconds) == text
