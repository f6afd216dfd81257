"""Requests divided between versions: which line they wait in, and what happens as versions go."""

import pytest

from prack_grpc.core.exchange.exchange import Exchange, Session
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.traffic import MAX_WEIGHT, Split, Sticky, StickyBy
from tests.core.building import Desk, delivered

BY_USER = Sticky(StickyBy.HEADER, "user")
# Nearly all requests: the first that the others get is far away.
ALL = MAX_WEIGHT


@pytest.fixture
def desk() -> Desk:
    return Desk(share_linger=2.0)


def divide(desk: Desk, sticky: Sticky | None = None, **weights: int) -> list[Exchange]:
    """A new split. What is handed out by that."""
    split = Split("web", tuple(weights.items()), sticky)
    return delivered(desk.core.divide("web", split, desk.now))


def join(desk: Desk, version: str, *routes: str, service: str = "web", **about: int) -> Session:
    return desk.stream(*routes, service=service, version=version, **about)


def poll(desk: Desk, version: str, *routes: str) -> Session:
    return desk.rest(*routes, service="web", version=version)


def versions(desk: Desk) -> list[str]:
    """Of what waits, where it waits."""
    waiting = sorted(desk.waiting, key=lambda exchange: exchange.sequence)
    return [exchange.lane.pool[1] for exchange in waiting]


def lines(desk: Desk) -> set[str]:
    """The versions that have a line of their own."""
    return {lane.pool[1] for lane in desk.core.queue.lanes() if lane is not lane.base}


# ---------------------------------------------------------------- who gets what


def test_each_version_gets_its_part_and_waits_for_its_own_workers(desk: Desk) -> None:
    divide(desk, v1=1, v2=1)
    first, second = join(desk, "v1", slots=100), join(desk, "v2", slots=2)
    for _ in range(20):
        desk.submit()
    assert (len(first.held), len(second.held)) == (10, 2)
    assert versions(desk) == ["v2"] * 8


@pytest.mark.parametrize("other", [("web", "v3"), ("web", ""), ("shop", "v1"), ("", "v1")])
def test_whoever_is_not_named_gets_nothing(desk: Desk, other: tuple[str, str]) -> None:
    divide(desk, v1=1)
    join(desk, "v1")
    unnamed = join(desk, other[1], service=other[0], slots=9)
    for _ in range(3):
        desk.submit()
    assert not unnamed.held
    assert versions(desk) == ["v1"] * 2


def test_a_version_without_weight_gets_nothing(desk: Desk) -> None:
    divide(desk, v1=0, v2=1)
    idle, _ = join(desk, "v1"), join(desk, "v2")
    desk.submit(), desk.submit()
    assert not idle.held


def test_a_route_that_no_worker_of_the_service_serves_is_not_divided(desk: Desk) -> None:
    divide(desk, v1=1)
    join(desk, "v1", "/a")
    other = join(desk, "v9", "/b", service="shop", slots=2)
    desk.submit(target=b"/b"), desk.submit(target=b"/b")
    assert len(other.held) == 2


def test_kinds_are_divided_alone(desk: Desk) -> None:
    divide(desk, v1=1)
    join(desk, "v1")
    both = desk.stream(kinds=(Kind.HTTP, Kind.WEBSOCKET), slots=9)
    assert desk.submit(kind=Kind.WEBSOCKET).lease
    desk.submit()
    assert desk.submit().lease is None
    assert len(both.held) == 1


def test_a_client_waits_for_its_version_though_another_is_free(desk: Desk) -> None:
    divide(desk, BY_USER, v1=1, v2=1)
    sessions = {version: join(desk, version) for version in ("v1", "v2")}
    ann = [(b"user", b"ann")]
    lease = desk.leased(headers=ann)
    exchange = desk.submit(headers=ann)
    assert exchange.lease is None
    assert sum(session.free for session in sessions.values()) == 1
    assert delivered(desk.answer(lease)) == [exchange]


# ---------------------------------------------------------------- versions that come and go


def test_what_waits_lines_up_anew_when_a_version_comes(desk: Desk) -> None:
    divide(desk, v1=1, v2=1)
    waiting = [desk.submit() for _ in range(10)]
    join(desk, "v1", slots=0)
    assert versions(desk) == ["v1"] * 10
    second = join(desk, "v2", slots=10)
    assert len(second.held) == 5
    assert versions(desk) == ["v1"] * 5
    held = [lease.exchange for lease in second.held.values()]
    assert held == sorted(held, key=waiting.index)


@pytest.mark.parametrize("how", ["lose", "drain", "pause"])
def test_a_version_whose_last_stream_goes_counts_for_nothing_at_once(desk: Desk, how: str) -> None:
    divide(desk, v1=ALL, v2=1)
    first, _ = join(desk, "v1", slots=0), join(desk, "v2")
    waiting = [desk.submit() for _ in range(3)]
    match how:
        case "lose":
            effects = desk.core.lose(first, desk.now)
        case "drain":
            effects = desk.core.drain(first, desk.now)
        case _:
            effects = desk.core.pause(("web", "v1"), True, desk.now)
    assert delivered(effects) == waiting[:1]
    assert versions(desk) == ["v2"] * 2
    assert lines(desk) == {"v2"}


def test_a_version_whose_workers_poll_is_kept_for_a_moment(desk: Desk) -> None:
    divide(desk, v1=ALL, v2=1)
    first, second = poll(desk, "v1"), join(desk, "v2")
    desk.core.lose(first, desk.now)
    exchange = desk.submit()
    assert desk.pass_time(1.9) == []
    again = poll(desk, "v1")
    assert list(again.held) == [1]
    assert not second.held
    desk.answer(again.held[1])
    desk.core.lose(again, desk.now)
    late = desk.submit()
    assert delivered(desk.pass_time(3.1)) == [late]
    assert exchange.lease is not late.lease


def test_a_version_that_comes_back_in_time_keeps_its_line(desk: Desk) -> None:
    divide(desk, v1=1, v2=1)
    join(desk, "v2")
    for _ in range(5):
        desk.core.lose(poll(desk, "v1"), desk.now)
        desk.pass_time(1.5)
    poll(desk, "v1")
    desk.pass_time(100)
    assert lines(desk) == {"v1", "v2"}


def test_without_any_named_version_requests_wait_for_one(desk: Desk) -> None:
    divide(desk, v1=1, v2=1)
    unnamed = join(desk, "v3")
    for _ in range(4):
        desk.submit()
    assert not unnamed.held
    assert len(join(desk, "v1", slots=9).held) == 4
    desk.submit()
    assert desk.waiting == []


def test_without_workers_of_the_service_its_routes_are_whole_again(desk: Desk) -> None:
    divide(desk, v1=1)
    session, unnamed = join(desk, "v1", slots=0), join(desk, "v3")
    other = join(desk, "v9", service="shop", slots=5)
    waiting = [desk.submit() for _ in range(3)]
    desk.core.lose(session, desk.now)
    assert desk.waiting == waiting
    assert delivered(desk.core.lose(unnamed, desk.now)) == waiting
    assert len(other.held) == 3
    assert lines(desk) == set()


def test_a_forgotten_route_takes_its_versions_with_it() -> None:
    desk = Desk(share_linger=50.0, route_linger=10.0, queue_timeout=1000.0)
    divide(desk, v1=1)
    desk.core.lose(poll(desk, "v1", "/a"), desk.now)
    waiting = [desk.submit(target=b"/a") for _ in range(2)]
    desk.pass_time(60.0)
    assert desk.waiting == waiting
    assert {str(exchange.lane.route) for exchange in waiting} == {"*/"}
    assert (desk.core.queue.requests, desk.core.queue.bytes) == (2, 4)
    assert lines(desk) == set()
    assert desk.core.queue.lingering.next() is None


# ---------------------------------------------------------------- splits that come and go


def test_a_split_divides_what_waits_already(desk: Desk) -> None:
    first, second = join(desk, "v1", slots=0), join(desk, "v2", slots=0)
    for _ in range(4):
        desk.submit()
    assert versions(desk) == [""] * 4
    divide(desk, v1=1, v2=0)
    assert versions(desk) == ["v1"] * 4
    assert desk.core.resize(second, 9, desk.now) == []
    assert len(delivered(desk.core.resize(first, 9, desk.now))) == 4


def test_a_new_split_takes_the_place_of_the_old_one(desk: Desk) -> None:
    divide(desk, v1=1)
    join(desk, "v1", slots=0)
    second = join(desk, "v2")
    waiting = [desk.submit() for _ in range(2)]
    assert divide(desk, v2=1) == waiting[:1]
    assert second.held
    assert versions(desk) == ["v2"]


def test_without_a_split_all_serve_all_again(desk: Desk) -> None:
    divide(desk, v1=1)
    join(desk, "v1", slots=0)
    other = join(desk, "v2", slots=2)
    waiting = [desk.submit() for _ in range(3)]
    assert delivered(desk.core.divide("web", None, desk.now)) == waiting[:2]
    assert len(other.held) == 2
    assert lines(desk) == set()
    assert desk.core.queue.splits == {}


def test_workers_keep_what_they_hold_whatever_the_split(desk: Desk) -> None:
    session = join(desk, "v1")
    lease = desk.leased()
    divide(desk, v2=1)
    assert list(session.held.values()) == [lease]
    desk.answer(lease)
    assert session.free


def test_one_service_is_divided_and_another_is_not(desk: Desk) -> None:
    desk.core.divide("shop", Split("shop", (("v1", 1),)), desk.now)
    join(desk, "v1", "/web")
    join(desk, "v1", "/shop", service="shop")
    assert lines(desk) == {"v1"}
    desk.core.divide("shop", None, desk.now)
    assert lines(desk) == set()


def test_a_route_of_two_services_is_divided_for_one_of_them_at_a_time(desk: Desk) -> None:
    divide(desk, v1=1)
    desk.core.divide("shop", Split("shop", (("v1", 1), ("v2", 0))), desk.now)
    web = join(desk, "v1", slots=9)
    shop = {version: join(desk, version, service="shop", slots=9) for version in ("v1", "v2")}
    desk.submit()
    desk.core.lose(web, desk.now)
    desk.submit(), desk.submit()
    assert {version: len(session.held) for version, session in shop.items()} == {"v1": 3, "v2": 0}


# ---------------------------------------------------------------- bounds


def test_all_versions_of_a_route_are_counted_together(desk: Desk) -> None:
    divide(desk, v1=1, v2=1)
    join(desk, "v1", slots=0), join(desk, "v2", slots=0)
    exchanges = [desk.submit(b"12345", False) for _ in range(4)]
    (base,) = {exchange.lane.base for exchange in exchanges}
    assert (base.requests, base.bytes) == (4, 24)
    desk.core.upload(exchanges[0], b"678", desk.now)
    assert base.bytes == desk.core.queue.bytes == 27
    for exchange in exchanges:
        desk.core.leave(exchange, desk.now)
    assert (base.requests, base.bytes) == (0, 0)
