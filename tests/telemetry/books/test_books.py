"""What the books count, and that they stay within their bounds."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.limits import BookLimits
from prack_grpc.core.worker import Profile
from prack_grpc.telemetry.access import KEPT_A_SECOND, MOST_TALLIES, Record
from prack_grpc.telemetry.books.books import (
    HAND_SECONDS,
    SLICE_SECONDS,
    Books,
)
from prack_grpc.telemetry.books.place import OTHER, OTHER_KIND, Place

LIMITS = BookLimits(requests=8, places=3, kinds=4, workers=4)
START = 1000.0


@pytest.fixture
def books() -> Books:
    return Books(LIMITS, START)


def record(
    *,
    worker: str | None = "w1",
    service: str = "shop",
    version: str = "v1",
    route: str = "*/",
    status: int = 200,
    error: str | None = None,
    method: bytes = b"GET",
    target: bytes = b"/",
    kind: Kind = Kind.HTTP,
    left: bool = False,
    began: float = START,
    queue: float = 0.1,
    taken: float = 0.2,
    started: float = 0.0,
) -> Record:
    """A request that waits `queue` seconds, and whose worker answers after `taken`."""
    request = Request(
        method, b"http", b"shop.test", target, b"1.1", [], ("192.0.2.1", 9), 0, id="r"
    )
    request.kind = kind
    profile = Profile(worker or "", 1, True, (), service, version, transport="prack")
    assignment = Assignment(1, "id", 1, profile, request, queue, True, "", route)
    ticket: Any = SimpleNamespace(
        id="id",
        route=route,
        assignment=assignment if worker else None,
        earlier=(),
        since=began,
        handed=began + queue if worker else 0.0,
        answered=began + queue + taken if worker else 0.0,
        left=left,
    )
    return Record(
        method.decode(), b"", b"", None, request, ticket, status, 3, 5, error, began, 0.0, started
    )


def ended(books: Books, one: Record, now: float) -> None:
    """As the access log says it."""
    if one.started or one.error or not one.status or not one.ticket or not one.ticket.assignment:
        books.ended(one, now)
    else:
        books.answered(one, one.ticket, one.ticket.assignment, now)


def only(books: Books) -> Place:
    books.settle()
    (place,) = books.places.values()
    return place


def test_a_wait_is_told_in_its_parts(books: Books) -> None:
    ended(books, record(queue=0.1, taken=0.2), START + 0.35)
    place = only(books)
    sums = [times.sum for times in (place.queue, place.worker, place.gateway, place.waits)]
    assert sums == pytest.approx([0.1, 0.2, 0.05, 0.35])
    assert (place.service, place.version, place.route) == ("shop", "v1", "*/")
    assert (place.taken, place.sent) == (3, 5)
    (one,) = books.last()
    assert (one.queue, one.worker, one.gateway) == pytest.approx((0.1, 0.2, 0.05))
    assert one.outcome == "worker"


def test_a_response_that_goes_on_has_a_duration_beyond_its_wait(books: Books) -> None:
    ended(books, record(started=START + 0.35), START + 10)
    place = only(books)
    assert (place.waits.sum, place.durations.sum) == pytest.approx((0.35, 10.0))


def test_a_websocket_has_no_duration(books: Books) -> None:
    accepted = record(kind=Kind.WEBSOCKET, status=101, started=START + 0.35)
    books.ended(accepted, START + 1000)
    place = only(books)
    assert sum(place.durations.counts) == 0
    assert place.waits.sum == pytest.approx(0.35)


def test_who_got_nothing_has_no_wait(books: Books) -> None:
    ended(books, record(status=0, left=True), START + 5)
    place = only(books)
    assert sum(place.waits.counts) == sum(place.durations.counts) == 0
    assert place.kinds == {("GET", 0, "prack", "client_gone"): 1}
    assert place.recent.errors() == {"gateway": 0, "worker": 0, "client_gone": 1}


def test_a_request_that_no_worker_had_has_waited_all_the_time(books: Books) -> None:
    ended(books, record(worker=None, status=503, error="no_workers"), START + 60)
    place = only(books)
    assert (place.service, place.version) == ("", "")
    assert place.queue.sum == pytest.approx(60)
    assert sum(place.worker.counts) == 0
    assert place.gateway.sum == 0


def test_mistakes_are_told_apart_by_who_made_them(books: Books) -> None:
    ended(books, record(status=500), START + 1)
    ended(books, record(status=502, error="worker_lost"), START + 1)
    ended(books, record(status=404), START + 1)
    place = only(books)
    assert place.recent.errors() == {"gateway": 1, "worker": 1, "client_gone": 0}
    assert place.kinds == {
        ("GET", 5, "prack", ""): 1,
        ("GET", 5, "prack", "worker_lost"): 1,
        ("GET", 4, "prack", ""): 1,
    }


def test_unknown_methods_are_one(books: Books) -> None:
    for number in range(1000):
        ended(books, record(method=b"M%d" % number), START + 1)
    assert only(books).kinds == {("_OTHER", 2, "prack", ""): 1000}


def test_what_a_client_makes_long_is_cut(books: Books) -> None:
    ended(books, record(target=b"/" + b"x" * 50_000), START + 1)
    books.settle()
    assert len(books.last()[0].target) == 512


def test_the_ring_holds_the_last_ones_newest_first(books: Books) -> None:
    for number in range(20):
        ended(books, record(target=b"/%d" % number), START + 1)
    books.settle()
    assert [one.target for one in books.last()] == [b"/%d" % number for number in range(19, 11, -1)]


def test_each_worker_has_its_own_in_whatever_order_they_end(books: Books) -> None:
    for worker in ("w1", "w1", "w2", "w1", "w2"):
        ended(books, record(worker=worker), START + 1)
    books.settle()
    assert {hand.worker: hand.recent.requests for hand in books.hands.values()} == {
        "w1": 3,
        "w2": 2,
    }
    assert only(books).kinds == {("GET", 2, "prack", ""): 5}


def test_who_streams_beside_who_does_not_has_its_own_duration(books: Books) -> None:
    ended(books, record(), START + 0.35)
    ended(books, record(started=START + 0.35), START + 10)
    place = only(books)
    assert (place.waits.sum, place.durations.sum) == pytest.approx((0.7, 10.35))
    assert sum(place.durations.counts) == 2


def test_a_place_was_last_used_when_the_last_one_ended_whatever_is_counted_first(
    books: Books,
) -> None:
    ended(books, record(status=200), START + 1)
    ended(books, record(status=404), START + 2)
    ended(books, record(status=200), START + 3)
    place = only(books)
    assert place.last_used == START + 3
    assert [hand.last_used for hand in books.hands.values()] == [START + 3]


def test_labels_that_all_differ_are_counted_before_they_are_too_many(books: Books) -> None:
    for number in range(MOST_TALLIES + 1):
        ended(books, record(method=b"M%d" % number), START + 1)
    (place,) = books.places.values()
    assert place.kinds == {("_OTHER", 2, "prack", ""): MOST_TALLIES}
    assert only(books).kinds == {("_OTHER", 2, "prack", ""): MOST_TALLIES + 1}


def test_beyond_the_bounds_everything_is_counted_as_other(books: Books) -> None:
    for number in range(1000):
        name = f"n{number}"
        ended(books, record(worker=name, service=name, route=f"{name}/", error=name), START + 1)
    books.settle()
    assert len(books.places) == LIMITS.places + 1
    assert books.places[OTHER, OTHER, OTHER].kinds[OTHER_KIND] > 900
    assert len(books.hands) <= LIMITS.workers + LIMITS.places + 1
    assert sum(sum(place.kinds.values()) for place in books.places.values()) == 1000


def test_what_was_is_recent_for_two_turns(books: Books) -> None:
    ended(books, record(), START + 1)
    books.turn(START + SLICE_SECONDS)
    assert only(books).recent.requests == 1
    assert books.window(START + SLICE_SECONDS) == SLICE_SECONDS
    books.turn(START + 2 * SLICE_SECONDS)
    assert only(books).recent.requests == 0
    assert sum(only(books).kinds.values()) == 1


def test_of_many_in_a_second_errors_are_remembered_in_any_case() -> None:
    books = Books(BookLimits(), START)
    for number in range(3 * KEPT_A_SECOND):
        bad = number % 100 == 0
        ended(books, record(target=b"/%d" % number, status=500 if bad else 200), START + 1)
    books.settle()
    assert len(books.last()) == KEPT_A_SECOND + 2 * KEPT_A_SECOND / 100
    assert sum(one.status == 500 for one in books.last()) == 3 * KEPT_A_SECOND / 100
    books.turn(START + 2)
    ended(books, record(target=b"/again"), START + 2)
    books.settle()
    assert books.last()[0].target == b"/again"


def test_workers_that_are_gone_make_room(books: Books) -> None:
    ended(books, record(), START + 1)
    books.turn(START + 2 + HAND_SECONDS)
    assert not books.hands
    assert sum(only(books).kinds.values()) == 1


def test_counting_a_thousand_names_costs_no_more_memory_than_the_bounds() -> None:
    books = Books(BookLimits(), time.monotonic())
    for number in range(20_000):
        name = str(number)
        one = record(worker=name, service=name, route=f"{name}.test/", target=b"/" + name.encode())
        ended(books, one, START + 1)
        if number % KEPT_A_SECOND == 0:
            books.turn(START + number / KEPT_A_SECOND)
    books.settle()
    limits = BookLimits()
    assert len(books.places) <= limits.places + 1
    assert len(books.hands) <= limits.workers + limits.places + 1
    assert len(books.last()) == limits.requests
