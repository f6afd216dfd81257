from itertools import count
from typing import Any

import pytest

from prack_grpc.core.counters import Counters
from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.exchange.exchange import Exchange
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.queue.routes import DEFAULT, Route
from prack_grpc.core.receivers import NOBODY
from tests.core.building import a_request, a_session

LINGER = Limits().route_linger


class Line:
    """A queue, and exchanges that are numbered in the order in which they were made."""

    def __init__(self, **limits: Any) -> None:
        self.queue = Queue(Limits(**limits), 0.0)
        self._numbers = count()

    def exchange(self, target: bytes = b"/", **request: Any) -> Exchange:
        asked = a_request(target=target, **request)
        number = next(self._numbers)
        lane = self.queue.lane(asked, number, 0.0)
        return Exchange(
            str(number), asked, lane, number, 0.0, 60.0, NO_BODY, NOBODY, Counters(), place=number
        )

    def wait(self, *targets: bytes, size: int = 10) -> list[Exchange]:
        exchanges = []
        for target in targets:
            exchanges.append(self.exchange(target))
            self.queue.append(exchanges[-1], size, 0.0)
        return exchanges

    def waiting(self, route: str = "*") -> list[Exchange]:
        lane = next(lane for lane in self.queue.lanes() if lane.route == Route.parse(route))
        return list(lane.waiting)

    def routes(self) -> set[str]:
        return {str(lane.route) for lane in self.queue.lanes()}


# ---------------------------------------------------------------- exchanges


def test_the_oldest_is_first_also_if_it_comes_back() -> None:
    line = Line()
    first, second, third = line.wait(b"/", b"/", b"/")
    line.queue.remove(first)
    line.queue.append(first, 1, 0.0)
    assert line.waiting() == [first, second, third]


def test_bytes_and_requests_are_counted_exactly() -> None:
    line = Line()
    first, second = line.wait(b"/", b"/", size=10)
    line.queue.grow(first, 7)
    assert (line.queue.requests, line.queue.bytes) == (2, 27)
    assert line.queue.remove(first)
    assert (line.queue.requests, line.queue.bytes) == (1, 10)
    assert line.queue.remove(second)
    assert (line.queue.requests, line.queue.bytes) == (0, 0)


def test_what_does_not_wait_cannot_be_removed() -> None:
    line = Line()
    line.wait(b"/")
    assert not line.queue.remove(line.exchange())
    assert (line.queue.requests, line.queue.bytes) == (1, 10)


@pytest.mark.parametrize(
    ("requests", "size", "full"), [(0, 100, False), (0, 101, True), (2, 80, False), (3, 1, True)]
)
def test_the_queue_is_full_by_count_or_by_bytes(requests: int, size: int, full: bool) -> None:
    line = Line(queue_requests=3, queue_bytes=100)
    line.wait(*[b"/"] * requests, size=10)
    assert line.queue.full(line.exchange().lane, size) is full


@pytest.mark.parametrize(
    ("requests", "size", "full"), [(1, 40, False), (1, 41, True), (2, 1, True), (0, 51, True)]
)
def test_one_route_of_several_may_take_its_part_of_the_queue(
    requests: int, size: int, full: bool
) -> None:
    line = Line(queue_requests=4, queue_bytes=100, route_share=0.5)
    line.queue.join(a_session("/a"), 0.0)
    line.wait(*[b"/a"] * requests, size=10)
    assert line.queue.full(line.exchange(b"/a").lane, size) is full
    assert not line.queue.full(line.exchange().lane, 50)


def test_the_newest_leaves_first_once_the_oldest_has_waited_too_long() -> None:
    line = Line(queue_timeout=60.0, newest_first_after=10.0)
    first, second, third = line.wait(b"/", b"/", b"/")
    second.wait_until += 5  # it was in a worker's hands for 5 s
    assert line.queue.next(first.lane, 9.9) is first
    assert line.queue.next(first.lane, 10.0) is third
    line.queue.remove(first)
    assert line.queue.next(first.lane, 14.9) is second
    assert line.queue.next(first.lane, 15.0) is third


def test_the_newest_is_one_of_the_most_urgent() -> None:
    line = Line(newest_first_after=10.0)
    lazy, urgent, more_urgent = (line.exchange(priority=level) for level in (7, 3, 3))
    for exchange in (lazy, urgent, more_urgent):
        line.queue.append(exchange, 1, 0.0)
    assert line.queue.next(lazy.lane, 5.0) is urgent
    assert line.queue.next(lazy.lane, 10.0) is more_urgent


# ---------------------------------------------------------------- sessions


def test_a_session_that_joins_is_told_where_there_is_work() -> None:
    line = Line()
    line.queue.join(a_session("/a", "/b", "/c"), 0.0)
    line.wait(b"/a", b"/c", b"/other")
    lanes = line.queue.join(a_session("/a", "/b", "/c"), 0.0)
    assert {str(lane.route) for lane in lanes} == {"*/a", "*/c"}


def test_ready_sessions_take_turns() -> None:
    line = Line()
    sessions = [a_session(slots=2) for _ in range(3)]
    for session in sessions:
        line.queue.join(session, 0.0)
    lane = sessions[0].lanes[0]
    assert list(lane.ready) == sessions
    line.queue.update(sessions[0])
    assert list(lane.ready) == [sessions[1], sessions[2], sessions[0]]


@pytest.mark.parametrize("why", ["draining", "slots"])
def test_a_session_that_is_not_free_leaves_every_line(why: str) -> None:
    line = Line()
    session = a_session("/a", "/b")
    line.queue.join(session, 0.0)
    if why == "draining":
        session.draining = True
    else:
        session.slots = 0
    assert line.queue.update(session) == []
    assert not any(lane.ready for lane in line.queue.lanes())
    assert all(session in lane.sessions for lane in session.lanes)


@pytest.mark.parametrize(
    ("limits", "routes", "error"),
    [
        ({"session_routes": 2}, ["/a", "/b", "/c"], BadRoute),
        ({"max_routes": 3}, ["/a", "/b", "/c"], BadRoute),
        ({"max_sessions": 1}, ["/a"], TooManySessions),
    ],
)
def test_a_session_past_a_limit_is_refused_and_changes_nothing(
    limits: dict[str, int], routes: list[str], error: type[Exception]
) -> None:
    line = Line(**limits)
    first, refused = a_session(), a_session(*routes)
    line.queue.join(first, 0.0)
    with pytest.raises(error):
        line.queue.join(refused, 0.0)
    assert list(line.queue.sessions) == [first]
    assert line.routes() == {"*/"}
    assert refused.lanes == []


def test_routes_that_exist_do_not_count_again() -> None:
    line = Line(max_routes=3)
    for _ in range(5):
        line.queue.join(a_session("/a", "/b"), 0.0)
    assert line.routes() == {"*/", "*/a", "*/b"}


def test_naming_a_route_twice_is_naming_it_once() -> None:
    line = Line()
    session = a_session("/a", "/a")
    line.queue.join(session, 0.0)
    assert len(session.lanes) == 1
    line.queue.leave(session, 0.0)
    assert not line.queue.sessions


def test_a_session_is_given_only_the_kinds_that_it_serves() -> None:
    line = Line()
    plain, both = a_session(), a_session(kinds=(Kind.HTTP, Kind.WEBSOCKET))
    request, websocket = line.exchange(), line.exchange(kind=Kind.WEBSOCKET)
    line.queue.append(websocket, 1, 0.0)
    assert line.queue.join(plain, 0.0) == []
    line.queue.append(request, 1, 0.0)
    assert line.queue.join(both, 0.0) == [request.lane, websocket.lane]
    assert plain.lanes == [request.lane]


def test_a_new_route_takes_over_only_its_own_kind() -> None:
    line = Line()
    request, websocket = line.exchange(b"/a"), line.exchange(b"/a", kind=Kind.WEBSOCKET)
    line.queue.append(request, 1, 0.0)
    line.queue.append(websocket, 1, 0.0)
    session = a_session("/a", kinds=(Kind.WEBSOCKET,))
    assert line.queue.join(session, 0.0) == [websocket.lane]
    assert websocket.lane.route == Route.parse("/a")
    assert request.lane.route == DEFAULT


# ---------------------------------------------------------------- routes that come and go


def test_a_new_route_takes_over_what_waits_for_it_in_order() -> None:
    line = Line()
    one, two, three, four = line.wait(b"/a/1", b"/2", b"/a/3", b"/4")
    lanes = line.queue.join(a_session("/a"), 0.0)
    assert [str(lane.route) for lane in lanes] == ["*/a"]
    assert line.waiting("/a") == [one, three]
    assert line.waiting() == [two, four]
    assert all(exchange in exchange.lane.waiting for exchange in (one, two, three, four))
    assert (line.queue.requests, line.queue.bytes) == (4, 40)


def test_a_route_without_workers_keeps_its_requests_for_a_while() -> None:
    line = Line()
    session = a_session("/a")
    line.queue.join(session, 0.0)
    line.queue.leave(session, 5.0)
    line.queue.join(a_session(), 5.0)
    (one,) = line.wait(b"/a")
    assert line.queue.forget(5.0 + LINGER - 1.0) == []
    assert line.waiting("/a") == [one]


def test_a_route_that_nobody_serves_any_more_is_forgotten() -> None:
    line = Line()
    session = a_session("/a")
    line.queue.join(session, 0.0)
    on_a, other, late = line.wait(b"/a", b"/", b"/a")
    line.queue.leave(session, 5.0)
    line.queue.join(a_session(), 5.0)
    due = line.queue.lingering.next()
    assert due is not None
    lanes = line.queue.forget(due)
    assert [lane.route for lane in lanes] == [DEFAULT]
    assert line.waiting() == [on_a, other, late]
    assert {exchange.lane.route for exchange in (on_a, late)} == {DEFAULT}
    assert line.routes() == {"*/"}
    assert line.queue.lingering.next() is None


def test_a_worker_that_comes_back_keeps_its_route_alive() -> None:
    line = Line()
    for _ in range(3):
        session = a_session("/a")
        line.queue.join(session, 0.0)
        line.queue.leave(session, 1.0)
    line.queue.join(a_session("/a"), 2.0)
    assert line.queue.lingering.next() is None
    assert line.queue.forget(1e6) == []
    assert line.routes() == {"*/", "*/a"}


def test_a_route_lives_as_long_as_one_of_its_workers() -> None:
    line = Line()
    first, second = a_session("/a"), a_session("/a")
    line.queue.join(first, 0.0)
    line.queue.join(second, 0.0)
    line.queue.leave(first, 1.0)
    assert line.queue.lingering.next() is None


def test_the_default_route_is_never_forgotten() -> None:
    line = Line()
    session = a_session("*", "/a")
    line.queue.join(session, 0.0)
    line.queue.leave(session, 1.0)
    line.queue.forget(1e6)
    assert line.routes() == {"*/"}
