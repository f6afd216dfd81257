"""Requests whose body is still on its way: they take a part of the slots, and leave the rest."""

import pytest

from prack_grpc.core.exchange.exchange import Exchange, Session
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.status import status
from tests.core.building import Desk, delivered


def uploads(desk: Desk, count: int) -> list[Exchange]:
    """So many requests whose bodies have begun to come."""
    return [desk.submit(b"x", False, method=b"POST") for _ in range(count)]


def taken(exchanges: list[Exchange]) -> list[bool]:
    """Which of them a worker has."""
    return [exchange.lease is not None for exchange in exchanges]


@pytest.mark.parametrize(
    ("slots", "share", "most"), [(1, 0.5, 1), (2, 0.5, 1), (8, 0.5, 4), (8, 1.0, 8), (9, 0.01, 1)]
)
def test_o4_a_worker_takes_uploads_for_a_part_of_its_slots(
    slots: int, share: float, most: int
) -> None:
    desk = Desk(upload_share=share)
    desk.stream(slots=slots)
    assert taken(uploads(desk, slots + 1)) == [number < most for number in range(slots + 1)]
    assert taken([desk.submit() for _ in range(slots)]) == [
        number < slots - most for number in range(slots)
    ]


def test_an_upload_that_waits_goes_to_another_worker_that_may_take_it() -> None:
    desk = Desk()
    desk.stream(slots=2)
    first, second = uploads(desk, 2)
    other = desk.stream(slots=2, tier=1)
    assert second.lease
    assert second.lease.session is other
    assert first.lease


def test_the_end_of_an_upload_makes_way_for_the_next() -> None:
    desk = Desk()
    desk.stream(slots=2)
    first, second, third = uploads(desk, 3)
    assert delivered(desk.core.uploaded(first, desk.now)) == [second]
    assert first.lease
    assert not third.lease


def test_so_does_the_end_of_its_hand_out() -> None:
    desk = Desk()
    desk.stream(slots=2)
    first, second = uploads(desk, 2)
    lease = first.lease
    assert lease
    assert delivered(desk.core.leave(first, desk.now)) == []
    assert lease.state is Work.CANCELLED
    assert delivered(desk.answering.end(lease, desk.now)) == [second]


def test_a_body_that_is_here_needs_no_more_than_a_slot() -> None:
    desk = Desk()
    desk.stream(slots=3)
    first, second = uploads(desk, 2)
    assert delivered(desk.core.uploaded(second, desk.now)) == [second]
    assert first.lease


def test_once_it_is_here_it_is_the_last_in_line() -> None:
    desk = Desk()
    coming = uploads(desk, 1)[0]
    older = desk.submit()
    desk.core.uploaded(coming, desk.now)
    newer = desk.submit()
    session = desk.stream(slots=3)
    assert [lease.exchange for lease in session.held.values()] == [older, coming, newer]


def test_the_oldest_goes_first_whether_its_body_is_here_or_not() -> None:
    desk = Desk()
    requests = [desk.submit(), *uploads(desk, 1), desk.submit(), *uploads(desk, 1)]
    session = desk.stream(slots=4)
    assert [lease.exchange for lease in session.held.values()] == requests


def test_the_more_urgent_goes_first_whether_its_body_is_here_or_not() -> None:
    desk = Desk()
    later = desk.submit()
    urgent = desk.submit(b"x", False, priority=0)
    session = desk.stream(slots=2)
    assert [lease.exchange for lease in session.held.values()] == [urgent, later]


def test_a_poll_that_is_all_there_is_takes_an_upload() -> None:
    desk = Desk()
    desk.rest()
    assert taken(uploads(desk, 1)) == [True]


def polls(desk: Desk, count: int) -> list[Session]:
    """So many polls; a poll ends once it has something."""
    return [desk.rest(worker=f"rest{number}") for number in range(count)]


def test_o4_the_last_poll_that_is_free_is_kept_for_others() -> None:
    desk = Desk()
    polls(desk, 3)
    slow = []
    for _ in range(3):
        slow += uploads(desk, 1)
        for session in [one for one in desk.core.queue.sessions if one.held]:
            desk.core.drain(session, desk.now)
    assert taken(slow) == [True, True, False]
    assert desk.submit().lease


def test_a_poll_takes_an_upload_once_it_is_alone() -> None:
    desk = Desk()
    first, _ = polls(desk, 2)
    held, waits = uploads(desk, 2)
    desk.core.drain(first, desk.now)
    assert held.lease
    assert not waits.lease
    assert delivered(desk.core.lose(first, desk.now)) == [waits]


def test_a_poll_takes_an_upload_when_another_worker_is_free_too() -> None:
    desk = Desk()
    first, _ = polls(desk, 2)
    _, waits = uploads(desk, 2)
    desk.core.drain(first, desk.now)
    desk.stream()
    assert waits.lease


def test_a_worker_that_was_paused_takes_uploads_again() -> None:
    desk = Desk()
    desk.stream(slots=2)
    desk.core.pause("worker", True, desk.now)
    waits = uploads(desk, 1)
    desk.core.pause("worker", False, desk.now)
    assert taken(waits) == [True]


def test_uploads_that_wait_are_no_reason_to_refuse_what_is_here() -> None:
    desk = Desk(queue_timeout=5)
    session = desk.stream(slots=2)
    uploads(desk, 101)
    held = desk.leased()
    for number in range(20):  # one in 0.5 s
        desk.submit()
        desk.now += 0.5
        desk.answer(held)
        held = list(session.held.values())[-1]
        assert held.exchange.id == str(102 + number)
    desk.submit()  # at this pace a hundred would take 50 s


def test_o4_what_waits_is_one_line_to_operators() -> None:
    desk = Desk()
    desk.stream("/shop", slots=2)
    for _ in range(3):
        desk.submit(b"x", False, target=b"/shop")
    desk.now += 2
    route = next(one for one in status(desk.core, desk.now).routes if one.route == "*/shop")
    assert (route.free, route.waiting, route.oldest) == (1, 2, 2)


def test_a_poll_that_waits_aside_for_bodies_takes_any_number_of_uploads() -> None:
    desk = Desk()
    desk.rest(slots=1)
    session = desk.rest(collects=True, tier=1)
    first, second, third = uploads(desk, 3)
    desk.core.resize(session, 2, desk.now)
    desk.core.resize(session, 3, desk.now)
    assert taken([first, second, third]) == [True, True, True]
    assert session.uploads == 0
