"""Workers and versions that operators take out of service."""

import pytest

from prack_grpc.core.queue.traffic import Pool
from tests.core.building import Desk, delivered

VERSION: Pool = ("web", "v1")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("who", ["w1", VERSION])
def test_whoever_is_paused_keeps_what_it_holds_and_gets_no_more(
    desk: Desk, who: Pool | str
) -> None:
    session = desk.stream(worker="w1", slots=2, service="web", version="v1")
    lease = desk.leased()
    assert desk.core.pause(who, True, desk.now) == []
    waiting = desk.submit()
    assert waiting.lease is None
    assert desk.answer(lease) == []
    assert not session.held
    assert delivered(desk.core.pause(who, False, desk.now)) == [waiting]


def test_it_holds_for_workers_that_join_later(desk: Desk) -> None:
    desk.core.pause(VERSION, True, desk.now)
    desk.stream(service="web", version="v1")
    other = desk.stream(service="web", version="v2")
    assert desk.leased().session is other
    waiting = desk.submit()
    assert delivered(desk.core.pause(VERSION, False, desk.now)) == [waiting]


def test_others_of_the_same_name_or_version_are_not_meant(desk: Desk) -> None:
    desk.core.pause("web", True, desk.now)
    desk.core.pause(("w1", ""), True, desk.now)
    desk.stream(worker="w1", service="web", version="v1")
    assert desk.submit().lease


def test_a_worker_that_is_paused_twice_over_must_be_let_go_twice(desk: Desk) -> None:
    desk.stream(worker="w1", service="web", version="v1")
    exchange = desk.submit().lease
    assert exchange
    desk.answer(exchange)
    desk.core.pause("w1", True, desk.now)
    desk.core.pause(VERSION, True, desk.now)
    waiting = desk.submit()
    assert desk.core.pause("w1", False, desk.now) == []
    assert delivered(desk.core.pause(VERSION, False, desk.now)) == [waiting]


def test_to_pause_or_to_let_go_again_changes_nothing(desk: Desk) -> None:
    desk.stream(worker="w1")
    assert desk.core.pause("w1", False, desk.now) == []
    for _ in range(2):
        assert desk.core.pause("w1", True, desk.now) == []
    waiting = desk.submit()
    assert delivered(desk.core.pause("w1", False, desk.now)) == [waiting]
    assert desk.core.pause("w1", False, desk.now) == []


def test_slots_that_come_free_meanwhile_are_used_afterwards(desk: Desk) -> None:
    session = desk.stream(worker="w1")
    lease = desk.leased()
    waiting = [desk.submit() for _ in range(3)]
    desk.core.pause("w1", True, desk.now)
    assert desk.core.resize(session, 2, desk.now) == []
    assert desk.answer(lease) == []
    assert delivered(desk.core.pause("w1", False, desk.now)) == waiting[:2]


@pytest.mark.parametrize("then", ["drain", "lose"])
def test_a_paused_worker_may_go(desk: Desk, then: str) -> None:
    session = desk.stream("/a", worker="w1")
    lease = desk.leased(target=b"/a")
    desk.core.pause("w1", True, desk.now)
    if then == "drain":
        desk.core.drain(session, desk.now)
        desk.answer(lease)
    desk.core.lose(session, desk.now)
    assert not desk.core.queue.sessions
    assert desk.core.pause("w1", False, desk.now) == []


def test_a_poll_that_is_paused_ends_as_any_other(desk: Desk) -> None:
    session = desk.rest(worker="w1")
    lease = desk.leased()
    desk.core.drain(session, desk.now)
    desk.core.pause("w1", True, desk.now)
    desk.core.pause("w1", False, desk.now)
    assert desk.submit().lease is None
    desk.answer(lease)
    assert session.lost
    assert not desk.core.queue.sessions


def test_a_route_whose_workers_are_all_paused_keeps_its_requests(desk: Desk) -> None:
    desk.stream("/a", worker="w1")
    desk.stream()
    desk.core.pause("w1", True, desk.now)
    exchange = desk.submit(target=b"/a")
    assert exchange.lease is None
    assert delivered(desk.core.pause("w1", False, desk.now)) == [exchange]


def test_of_too_many_names_the_oldest_is_forgotten() -> None:
    desk = Desk(max_paused=2)
    desk.stream(worker="w1")
    for name in ("w1", "w2", "w1", "w3"):
        assert desk.core.pause(name, True, desk.now) == []
    assert list(desk.core.paused) == ["w1", "w3"]
    waiting = desk.submit()
    assert delivered(desk.core.pause("w4", True, desk.now)) == [waiting]
    assert list(desk.core.paused) == ["w3", "w4"]
