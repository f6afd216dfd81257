"""Which requests are refused at once, and what their clients are told."""

from typing import Any

import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.queue.traffic import Split
from tests.core.building import Desk


def refused(desk: Desk, target: bytes = b"/") -> GatewayError:
    before = desk.core.counters.accepted
    with pytest.raises(GatewayError) as caught:
        desk.submit(target=target)
    assert desk.core.counters.accepted == len(desk.core.exchanges) + done(desk) == before
    return caught.value


def done(desk: Desk) -> int:
    return sum(desk.core.counters.done.values())


def a_busy_desk(rate: int, seconds: float, waiting: int, **limits: Any) -> Desk:
    """A line that is never empty, from which one worker has served so many a second."""
    desk = Desk(**limits)
    session = desk.stream()
    desk.leased()
    for _ in range(waiting + int(rate * seconds)):
        desk.submit()
    for _ in range(int(rate * seconds)):
        desk.now += 1 / rate
        desk.answer(next(iter(session.held.values())))
    assert len(desk.waiting) == waiting
    return desk


# ---------------------------------------------------------------- what could not be served in time


def test_what_cannot_be_served_in_time_is_refused_at_once() -> None:
    desk = a_busy_desk(rate=10, seconds=6, waiting=101, queue_timeout=10)
    error = refused(desk)
    assert error.kind is errors.OVERLOADED
    assert "101 requests are waiting" in str(error)


def test_it_may_be_tried_again_when_half_of_the_wait_is_over() -> None:
    desk = a_busy_desk(rate=10, seconds=6, waiting=150, queue_timeout=10)
    assert refused(desk).retry_after == pytest.approx(15 - 5, abs=1)


@pytest.mark.parametrize(
    ("rate", "seconds", "waiting"),
    [
        (10, 6, 95),  # it can be served in time
        (10, 4.5, 500),  # no rate can be told so soon
        (1, 9, 500),  # nor from so few
    ],
)
def test_nothing_is_refused_on_a_guess(rate: int, seconds: float, waiting: int) -> None:
    desk = a_busy_desk(rate, seconds, waiting, queue_timeout=10)
    desk.submit()


def test_a_free_worker_takes_what_others_wait_too_long_for() -> None:
    desk = a_busy_desk(rate=10, seconds=6, waiting=150, queue_timeout=10)
    desk.stream("/a")
    assert desk.submit(target=b"/a").lease


def test_once_the_line_is_empty_its_old_rate_says_nothing() -> None:
    desk = a_busy_desk(rate=10, seconds=6, waiting=1, queue_timeout=10)
    (session,) = desk.core.queue.sessions
    desk.answer(next(iter(session.held.values())))
    for _ in range(200):
        desk.submit()


# ---------------------------------------------------------------- a full queue


def test_a_full_queue_is_tried_again_when_half_of_it_is_served() -> None:
    desk = a_busy_desk(rate=10, seconds=6, waiting=40, queue_requests=100)
    for _ in range(60):
        desk.submit()
    error = refused(desk)
    assert error.kind is errors.QUEUE_FULL
    assert error.retry_after == pytest.approx(5, abs=1)


def test_a_full_queue_that_does_not_move_names_a_second() -> None:
    desk = Desk(queue_requests=1)
    desk.submit()
    assert refused(desk).retry_after == errors.QUEUE_FULL.retry_after


def test_a_busy_route_leaves_room_for_the_others() -> None:
    desk = Desk(queue_requests=4, route_share=0.5)
    desk.stream("/a", slots=0)
    for _ in range(2):
        desk.submit(target=b"/a")
    assert refused(desk, b"/a").kind is errors.QUEUE_FULL
    for _ in range(2):
        desk.submit(target=b"/b")
    assert refused(desk, b"/b").kind is errors.QUEUE_FULL


def test_the_only_route_may_take_all_of_the_queue() -> None:
    desk = Desk(queue_requests=4, route_share=0.5)
    for _ in range(4):
        desk.submit()
    refused(desk)


def test_the_versions_of_a_route_have_its_room_together() -> None:
    desk = Desk(queue_requests=4, route_share=0.5)
    desk.core.divide("web", Split("web", (("v1", 1), ("v2", 1))), desk.now)
    for version in ("v1", "v2"):
        desk.stream("/a", slots=0, service="web", version=version)
    for _ in range(2):
        desk.submit(target=b"/a")
    assert len({exchange.lane for exchange in desk.waiting}) == 2
    refused(desk, b"/a")


# ---------------------------------------------------------------- newest first


def test_under_lasting_overload_the_newest_is_served() -> None:
    desk = Desk(newest_first_after=5.0)
    oldest, _, newest = (desk.submit() for _ in range(3))
    desk.now += 4.9
    desk.stream()
    assert oldest.lease
    desk.now += 0.2
    desk.stream()
    assert newest.lease
