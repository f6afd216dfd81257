"""Who goes first: sessions by tier, requests by urgency, routes in turn."""

import pytest

from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.http.message import Kind
from tests.core.building import Desk, delivered


@pytest.fixture
def desk() -> Desk:
    return Desk()


def holds(session: Session) -> int:
    return len(session.held)


# ---------------------------------------------------------------- tiers


def test_a_higher_tier_gets_work_only_when_no_lower_one_is_free(desk: Desk) -> None:
    far, near = desk.stream(tier=1), desk.stream(slots=2)
    first = desk.leased()
    desk.leased()
    assert (holds(near), holds(far)) == (2, 0)
    desk.leased()
    assert (holds(near), holds(far)) == (2, 1)
    waiting = desk.submit()
    assert delivered(desk.answer(first)) == [waiting]
    assert holds(near) == 2


def test_within_a_tier_workers_take_turns(desk: Desk) -> None:
    sessions = [desk.stream(slots=2, tier=3) for _ in range(3)]
    taken = [desk.leased().session for _ in range(6)]
    assert taken == sessions * 2


def test_a_tier_counts_for_each_route_alone(desk: Desk) -> None:
    far = desk.stream("/a", "/b", tier=2)
    desk.stream("/a")
    assert desk.leased(target=b"/b").session is far


def test_what_waited_goes_to_the_lowest_tier_of_those_that_come_together(desk: Desk) -> None:
    desk.core.pause("worker", True, desk.now)
    both = desk.stream("/a", "/b", tier=1)
    near = desk.stream("/b")
    on_b, on_a = desk.submit(target=b"/b"), desk.submit(target=b"/a")
    assert set(delivered(desk.core.pause("worker", False, desk.now))) == {on_b, on_a}
    assert [lease.exchange for lease in near.held.values()] == [on_b]
    assert [lease.exchange for lease in both.held.values()] == [on_a]


def test_a_websocket_goes_to_a_stream_before_a_poll_of_its_tier(desk: Desk) -> None:
    kinds = tuple(Kind)
    desk.rest(kinds=kinds)
    stream, far = desk.stream(kinds=kinds), desk.stream(kinds=kinds, tier=1)
    taken = [desk.leased(kind=Kind.WEBSOCKET).session for _ in range(3)]
    assert taken[0] is stream
    assert not taken[1].profile.acknowledges
    assert taken[2] is far


# ---------------------------------------------------------------- urgency


def test_the_most_urgent_request_goes_first_and_then_the_oldest(desk: Desk) -> None:
    late, normal, urgent, also = (desk.submit(priority=level) for level in (7, 3, 0, 3))
    session = desk.stream(slots=2)
    assert [lease.exchange for lease in session.held.values()] == [urgent, normal]
    assert desk.waiting == [also, late]


def test_what_comes_back_goes_before_others_of_its_urgency_only(desk: Desk) -> None:
    session = desk.stream()
    lease, normal, urgent = desk.leased(), desk.submit(), desk.submit(priority=0)
    desk.core.lose(session, desk.now)
    assert desk.waiting == [urgent, lease.exchange, normal]


# ---------------------------------------------------------------- routes


def test_a_busy_route_does_not_hold_up_another_of_the_same_worker(desk: Desk) -> None:
    session = desk.stream("/a", "/b")
    lease = desk.leased(target=b"/a")
    on_a = [desk.submit(target=b"/a") for _ in range(3)]
    on_b = [desk.submit(target=b"/b") for _ in range(2)]
    served = []
    for _ in range(5):
        served += delivered(desk.answer(lease))
        (lease,) = session.held.values()
    assert served == [on_b[0], on_a[0], on_b[1], on_a[1], on_a[2]]


def test_slots_that_come_free_at_once_are_divided_between_the_routes(desk: Desk) -> None:
    session = desk.stream("/a", "/b")
    desk.leased(target=b"/a")
    on_a = [desk.submit(target=b"/a") for _ in range(3)]
    on_b = [desk.submit(target=b"/b") for _ in range(3)]
    served = delivered(desk.core.resize(session, 5, desk.now))
    assert served == [on_b[0], on_a[0], on_b[1], on_a[1]]
