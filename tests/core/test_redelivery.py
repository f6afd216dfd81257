"""Promise 2: which requests a second worker is given when the first is lost, and which not."""

from typing import Any

import pytest

from prack_grpc.core.errors import Late, LeaseError
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.exchange.redelivery import repeatable
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.queue.traffic import MAX_WEIGHT, Split
from prack_grpc.core.receivers import CancelReason
from tests.core.building import TICK, Desk, a_request, cancels, delivered, failures, verdict

KEY = [(b"idempotency-key", b"k")]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def holder(desk: Desk, lease: Lease) -> Lease:
    """Where the exchange is now; a worker must have it."""
    again = lease.exchange.lease
    assert again is not None
    assert again is not lease
    return again


def lose(desk: Desk, lease: Lease) -> list[tuple[Exchange, str]]:
    """The worker of this lease is gone. What fails by that."""
    return failures(desk.core.lose(lease.session, desk.now))


# ---------------------------------------------------------------- which


@pytest.mark.parametrize(
    ("method", "key", "may"),
    [
        (b"GET", False, True),
        (b"HEAD", False, True),
        (b"OPTIONS", False, True),
        (b"TRACE", False, True),
        (b"PUT", False, True),
        (b"DELETE", False, True),
        (b"POST", False, False),
        (b"PATCH", False, False),
        (b"get", False, False),
        (b"PROPFIND", False, False),
        (b"POST", True, True),
        (b"PATCH", True, True),
    ],
)
def test_idempotent_and_keyed_requests_may_be_repeated(method: bytes, key: bool, may: bool) -> None:
    request = a_request(method, headers=[(b"accept", b"*/*"), *(KEY if key else [])])
    assert repeatable(request) is may


@pytest.mark.parametrize(
    ("request_", "what", "again"),
    [
        ({}, "held", True),
        ({"method": b"POST"}, "held", False),
        ({"method": b"POST", "headers": KEY}, "held", True),
        ({"method": b"PUT", "body": b"1234567890"}, "held", True),
        ({"method": b"PUT", "body": b"1234"}, "taken", True),
        ({"method": b"PUT", "body": b"1234567890"}, "taken", False),
        ({"method": b"PUT", "body": b"1234", "end": False}, "taken", True),
        ({"method": b"POST"}, "given back", False),
        ({}, "given back", True),
        ({}, "begun", False),
        ({}, "repeated", False),
        ({}, "switched off", False),
        ({}, "last attempt", False),
    ],
)
def test_what_is_handed_out_once_more(request_: dict[str, Any], what: str, again: bool) -> None:
    attempts = 1 if what == "last attempt" else 3
    desk = Desk(inline_body=8, redeliver=what != "switched off", max_attempts=attempts)
    desk.stream()
    lease = desk.leased(**request_)
    match what:
        case "begun":
            desk.begin(lease)
        case "taken":
            lease.exchange.upload.allow(UNBOUNDED)
            lease.exchange.upload.take(100)
        case "given back":
            desk.refuse(lease)
            lease = holder(desk, lease)
        case "repeated":
            desk.stream()
            assert lose(desk, lease) == []
            lease = holder(desk, lease)
    assert lose(desk, lease) == ([] if again else [(lease.exchange, "worker_lost")])
    assert desk.waiting == ([lease.exchange] if again else [])
    assert desk.core.exchanges.keys() == {one.id for one in desk.waiting}


# ---------------------------------------------------------------- how


def test_the_next_worker_gets_all_of_it_from_the_start(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"1234", False, method=b"PUT")
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(3)
    other = desk.stream()
    assert delivered(desk.core.lose(lease.session, desk.now)) == [lease.exchange]
    assert list(other.held.values()) == [holder(desk, lease)]
    assert lease.exchange.attempt == 2
    assert lease.exchange.upload.peek() == b"1234"


def test_what_a_worker_held_goes_before_what_waits_and_in_its_order(desk: Desk) -> None:
    session = desk.stream(slots=3)
    held = [desk.leased().exchange for _ in range(3)]
    later = desk.submit()
    desk.core.lose(session, desk.now)
    assert desk.waiting == [*held, later]
    desk.stream(slots=2)
    assert desk.waiting == [held[2], later]


def test_what_a_version_held_goes_before_what_waited_for_it(desk: Desk) -> None:
    desk.core.divide("web", Split("web", (("v1", MAX_WEIGHT), ("v2", 1))), desk.now)
    session, _ = (desk.stream(service="web", version=version) for version in ("v1", "v2"))
    held, waiting = desk.leased().exchange, desk.submit()
    assert delivered(desk.core.lose(session, desk.now)) == [held]
    assert desk.waiting == [waiting]


def test_only_time_in_the_queue_is_waiting() -> None:
    desk = Desk(queue_timeout=10, head_timeout=100)
    exchange = desk.submit()
    desk.pass_time(4)
    session = desk.stream()
    desk.pass_time(50)
    desk.core.lose(session, desk.now)
    assert desk.pass_time(5.9) == []
    assert failures(desk.pass_time(0.1 + TICK)) == [(exchange, "worker_lost")]


@pytest.mark.parametrize("end", ["time is over", "given back", "gateway stops", "client leaves"])
def test_a_worker_may_have_begun_it_so_it_never_ends_with_503(end: str) -> None:
    desk = Desk(max_attempts=2)
    session = desk.stream()
    lease = desk.leased()
    desk.core.lose(session, desk.now)
    match end:
        case "time is over":
            effects = desk.pass_time(desk.limits.queue_timeout + TICK)
        case "given back":
            desk.stream()
            effects = desk.refuse(holder(desk, lease))
        case "gateway stops":
            effects = desk.core.shut_down(desk.now)
        case _:
            effects = desk.core.leave(lease.exchange, desk.now)
    gone = end == "client leaves"
    assert failures(effects) == ([] if gone else [(lease.exchange, "worker_lost")])
    assert lease.exchange.outcome is (Outcome.CLIENT_GONE if gone else Outcome.GATEWAY_ERROR)


# ---------------------------------------------------------------- one of several


def test_a_worker_that_loses_one_goes_on_with_the_rest(desk: Desk) -> None:
    desk.rest(slots=2)
    lost, kept = desk.leased(), desk.leased()
    effects = desk.core.lost(lost, desk.now)
    assert delivered(effects) == [lost.exchange]
    assert (kept.state, holder(desk, lost).state) == (Work.LEASED, Work.LEASED)
    assert verdict(desk, lost) is Late.STALE


def test_what_one_worker_lost_goes_before_what_waits(desk: Desk) -> None:
    desk.rest()
    lease, later = desk.leased(), desk.submit()
    assert delivered(desk.core.lost(lease, desk.now)) == [lease.exchange]
    assert desk.waiting == [later]


def test_what_must_not_be_repeated_fails_at_once_and_its_slot_is_free(desk: Desk) -> None:
    session = desk.stream()
    lease, later = desk.leased(method=b"POST"), desk.submit()
    effects = desk.core.lost(lease, desk.now)
    assert failures(effects) == [(lease.exchange, "worker_lost")]
    assert delivered(effects) == [later]
    assert [one.exchange for one in session.held.values()] == [later]


def test_what_is_over_cannot_be_lost(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    desk.answer(lease)
    before = repr(desk.core.counters)
    with pytest.raises(LeaseError):
        desk.core.lost(lease, desk.now)
    assert repr(desk.core.counters) == before


# ---------------------------------------------------------------- leases that expire


def test_a_worker_that_does_not_answer_within_its_lease_is_taken_for_lost(desk: Desk) -> None:
    desk.rest(lease=5.0)
    lease = desk.leased()
    other = desk.stream()
    assert desk.pass_time(5 - 0.001) == []
    effects = desk.pass_time(TICK)
    assert delivered(effects) == [lease.exchange]
    assert cancels(effects) == []
    assert list(other.held.values()) == [holder(desk, lease)]
    assert verdict(desk, lease) is Late.STALE
    with pytest.raises(LeaseError):
        desk.answer(lease)
    desk.answer(holder(desk, lease))
    assert lease.exchange.outcome is Outcome.WORKER


def test_what_comes_back_from_a_lease_goes_before_what_waits(desk: Desk) -> None:
    session = desk.rest(lease=5.0)
    lease, later = desk.leased(), desk.submit()
    desk.core.drain(session, desk.now)
    desk.pass_time(5 + TICK)
    assert desk.waiting == [lease.exchange, later]
    assert not desk.core.queue.sessions


def test_a_lease_that_expires_ends_what_must_not_be_repeated(desk: Desk) -> None:
    desk.rest(lease=5.0)
    lease = desk.leased(method=b"POST")
    assert failures(desk.pass_time(5 + TICK)) == [(lease.exchange, "worker_lost")]


def test_a_worker_that_asks_for_more_time_or_is_sent_more_keeps_its_lease(desk: Desk) -> None:
    desk.rest(lease=5.0)
    lease = desk.leased(b"x", False, method=b"POST")
    desk.pass_time(4)
    assert desk.core.extend(lease, 8, desk.now) == 8
    desk.pass_time(7)
    desk.core.upload(lease.exchange, b"x", desk.now)
    assert desk.pass_time(4.9) == []
    assert failures(desk.pass_time(0.1 + TICK)) == [(lease.exchange, "worker_lost")]


def test_when_every_worker_must_have_answered_there_is_no_second_one(desk: Desk) -> None:
    desk.rest(lease=5.0)
    lease = desk.leased()
    desk.stream()
    desk.core.extend(lease, 70, desk.now)
    effects = desk.pass_time(70 + TICK)
    assert failures(effects) == [(lease.exchange, "deadline")]
    assert cancels(effects) == [(lease, CancelReason.DEADLINE)]


def test_a_lease_ends_where_the_answer_begins(desk: Desk) -> None:
    desk.stream(lease=5.0)
    lease = desk.leased()
    desk.begin(lease)
    assert desk.pass_time(desk.limits.idle_timeout - 1) == []
    assert failures(desk.pass_time(1 + TICK)) == [(lease.exchange, "deadline")]


def test_without_a_lease_there_is_no_second_worker_for_what_is_late(desk: Desk) -> None:
    desk.rest()
    lease = desk.leased()
    desk.stream()
    assert failures(desk.pass_time(desk.limits.head_timeout + TICK)) == [
        (lease.exchange, "deadline")
    ]
