import math

import pytest

from prack_grpc.core import errors
from prack_grpc.core.effects import Cancel
from prack_grpc.core.errors import BadRoute, GatewayError, Late
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.http.message import Kind
from prack_grpc.core.receivers import CancelReason
from tests.core.building import TICK, Desk, a_head, a_session, cancels, delivered, failures, verdict

SHUTDOWN = GatewayError(errors.SHUTDOWN)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---------------------------------------------------------------- clients that leave


def test_a_client_that_leaves_takes_its_request_out_of_the_queue(desk: Desk) -> None:
    exchange = desk.submit()
    assert desk.core.leave(exchange, desk.now) == []
    assert desk.waiting == []
    assert exchange.outcome is Outcome.CLIENT_GONE
    assert desk.next_deadline() == math.inf


def test_a_worker_that_acknowledges_keeps_its_slot_until_it_lets_go(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased()
    later = desk.submit()
    effects = desk.core.leave(lease.exchange, desk.now)
    assert effects == [Cancel(lease, CancelReason.CLIENT_GONE)]
    assert not session.free
    assert desk.answering.data(lease, b"late", desk.now) == []
    assert delivered(desk.abort(lease, AbortCode.CANCELLED)) == [later]


@pytest.mark.parametrize("end", ["head", "finish", "refused"])
def test_a_cancelled_lease_ends_however_its_worker_ends_it(desk: Desk, end: str) -> None:
    session = desk.stream()
    lease = desk.leased()
    desk.core.leave(lease.exchange, desk.now)
    match end:
        case "head":
            desk.answering.begin(lease, a_head(b"late"), True, desk.now)
        case "finish":
            desk.begin(lease)
            desk.answering.end(lease, desk.now)
        case _:
            desk.refuse(lease)
    assert session.free
    assert lease.state is Work.CLOSED
    assert desk.waiting == []
    assert lease.exchange.outcome is Outcome.CLIENT_GONE


def test_a_worker_that_does_not_acknowledge_is_free_at_once(desk: Desk) -> None:
    desk.rest()
    lease = desk.leased()
    later = desk.submit()
    effects = desk.core.leave(lease.exchange, desk.now)
    assert cancels(effects) == [(lease, CancelReason.CLIENT_GONE)]
    assert delivered(effects) == [later]
    assert verdict(desk, lease) is Late.GONE


def test_leaving_or_failing_twice_changes_nothing(desk: Desk) -> None:
    exchange = desk.submit()
    desk.core.leave(exchange, desk.now)
    assert desk.core.leave(exchange, desk.now) == []
    assert desk.core.fail(exchange, SHUTDOWN, CancelReason.SHUTDOWN, desk.now) == []
    assert sum(desk.core.counters.done.values()) == 1


def test_after_its_end_an_exchange_keeps_no_bytes_and_no_deadline(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"request", False)
    desk.begin(lease, b"response")
    desk.core.leave(lease.exchange, desk.now)
    desk.core.consumed(lease.exchange, desk.now)
    assert lease.exchange.upload.buffered == lease.exchange.download.buffered == 0
    assert desk.next_deadline() == math.inf


# ---------------------------------------------------------------- workers that come and go


def test_more_slots_take_more_and_fewer_cancel_nothing(desk: Desk) -> None:
    session = desk.stream()
    desk.leased()
    waiting = [desk.submit() for _ in range(3)]
    assert delivered(desk.core.resize(session, 3, desk.now)) == waiting[:2]
    assert desk.core.resize(session, 1, desk.now) == []
    assert len(session.held) == 3


def test_a_session_that_drains_finishes_what_it_has_and_gets_no_more(desk: Desk) -> None:
    session = desk.stream(slots=2)
    lease = desk.leased()
    desk.core.drain(session, desk.now)
    exchange = desk.submit()
    assert exchange.lease is None
    assert session.last_number == lease.assignment.number
    assert desk.answer(lease) == []
    assert session in desk.core.queue.sessions


def test_a_poll_ends_by_itself_once_it_holds_nothing(desk: Desk) -> None:
    session = desk.rest()
    lease = desk.leased()
    desk.core.drain(session, desk.now)
    assert session in desk.core.queue.sessions
    desk.answer(lease)
    assert session.lost
    assert not desk.core.queue.sessions
    assert desk.core.lose(session, desk.now) == []


def test_what_a_lost_worker_held_fails_and_what_was_cancelled_only_closes(desk: Desk) -> None:
    session = desk.stream(slots=3)
    fresh, begun, gone = desk.leased(method=b"POST"), desk.leased(), desk.leased()
    desk.begin(begun)
    desk.core.leave(gone.exchange, desk.now)
    effects = desk.core.lose(session, desk.now)
    assert set(failures(effects)) == {
        (fresh.exchange, "worker_lost"),
        (begun.exchange, "worker_lost"),
    }
    assert cancels(effects) == []
    assert not session.held
    assert {fresh.state, begun.state, gone.state} == {Work.CLOSED}
    assert (desk.core.counters.failed, desk.core.counters.cancelled) == (2, 1)


def test_a_session_is_lost_once(desk: Desk) -> None:
    session = desk.stream()
    desk.leased(method=b"POST")
    assert desk.core.lose(session, desk.now)
    assert desk.core.lose(session, desk.now) == []


def test_a_refused_session_is_not_there(desk: Desk) -> None:
    desk = Desk(max_routes=2)
    desk.submit()
    with pytest.raises(BadRoute):
        desk.stream("*", "/a", "/b")
    assert not desk.core.queue.sessions
    assert len(desk.waiting) == 1


# ---------------------------------------------------------------- late answers


def test_a_late_answer_is_told_why(desk: Desk) -> None:
    session = desk.rest(slots=5)
    answered, gone, refused, lost = (desk.leased() for _ in range(4))
    desk.answer(answered)
    desk.core.leave(gone.exchange, desk.now)
    desk.core.drain(session, desk.now)
    desk.refuse(refused)
    desk.core.lose(session, desk.now)
    assert verdict(desk, answered) is Late.ANSWERED
    assert verdict(desk, gone) is Late.GONE
    assert verdict(desk, refused) is Late.STALE
    assert verdict(desk, lost) is Late.STALE
    assert len(desk.core.ledger) == 0


def test_streams_need_no_ledger(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    assert len(desk.core.ledger) == 0
    desk.answer(lease)
    assert verdict(desk, lease) is Late.UNKNOWN


# ---------------------------------------------------------------- time


def test_nobody_to_serve_it_and_nobody_free_are_two_errors(desk: Desk) -> None:
    alone = desk.submit()
    desk.pass_time(1)
    session = desk.stream("/a")
    desk.leased(target=b"/a")
    busy = desk.submit(target=b"/a")
    assert failures(desk.pass_time(desk.limits.queue_timeout - 1 + TICK)) == [(alone, "no_workers")]
    desk.core.extend(next(iter(session.held.values())), 1000, desk.now)
    assert (busy, "queue_timeout") in failures(desk.pass_time(1))


def test_a_worker_that_came_and_went_meanwhile_makes_it_a_queue_timeout(desk: Desk) -> None:
    desk.stream("/a")
    desk.leased(target=b"/a")
    exchange = desk.submit(target=b"/a")
    desk.pass_time(1)
    desk.core.lose(next(iter(desk.core.queue.sessions)), desk.now)
    assert failures(desk.pass_time(60)) == [(exchange, "queue_timeout")]


def test_a_worker_that_sends_no_head_in_time_is_cancelled(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    assert desk.pass_time(desk.limits.head_timeout - 0.001) == []
    effects = desk.pass_time(0.001 + TICK)
    assert failures(effects) == [(lease.exchange, "deadline")]
    assert cancels(effects) == [(lease, CancelReason.DEADLINE)]


@pytest.mark.parametrize("who", ["worker", "client"])
def test_a_response_that_stands_still_is_cut(desk: Desk, who: str) -> None:
    desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"ab")
    step = desk.limits.idle_timeout - 1
    for _ in range(3):
        assert desk.pass_time(step) == []
        if who == "worker":
            desk.answering.data(lease, b"c", desk.now)
        else:
            lease.exchange.download.take(1)
            desk.core.consumed(lease.exchange, desk.now)
    assert failures(desk.pass_time(step + 1 + TICK)) == [(lease.exchange, "deadline")]


def test_a_websocket_may_be_silent_for_longer() -> None:
    desk = Desk(idle_timeout=10, websocket_idle=100)
    session = a_session(kinds=(Kind.WEBSOCKET,))
    desk.core.join(session, desk.now)
    lease = desk.leased(b"", False, kind=Kind.WEBSOCKET)
    desk.begin(lease)
    desk.pass_time(90)
    desk.core.upload(lease.exchange, b"x", desk.now)
    desk.pass_time(90)
    desk.answering.data(lease, b"x", desk.now)
    assert desk.pass_time(99) == []
    assert failures(desk.pass_time(1 + TICK)) == [(lease.exchange, "deadline")]


def test_a_client_that_does_not_take_the_end_of_a_response_is_cut(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    desk.answering.begin(lease, a_head(b"ok"), True, desk.now)
    effects = desk.pass_time(desk.limits.idle_timeout + TICK)
    assert failures(effects) == [(lease.exchange, "deadline")]
    assert cancels(effects) == []


def test_a_worker_may_ask_for_more_time_up_to_a_bound() -> None:
    desk = Desk(head_timeout=10, lease_max=100)
    desk.stream()
    lease = desk.leased()
    assert desk.core.extend(lease, 50, desk.now) == 50
    assert desk.core.extend(lease, 5, desk.now) == 50
    assert desk.core.extend(lease, 500, desk.now) == 100
    desk.pass_time(90)
    assert desk.core.extend(lease, 50, desk.now) == 10
    assert failures(desk.pass_time(10 + TICK)) == [(lease.exchange, "deadline")]


def test_asking_for_more_time_never_leaves_a_worker_with_less() -> None:
    desk = Desk(head_timeout=10, lease_max=15)
    desk.stream()
    lease = desk.leased(b"x", False)
    desk.pass_time(9)
    desk.core.upload(lease.exchange, b"x", desk.now)
    assert desk.core.extend(lease, 1, desk.now) == 10
    assert desk.pass_time(10) == []


def test_time_in_a_workers_hands_is_no_waiting() -> None:
    desk = Desk(queue_timeout=10, head_timeout=100)
    exchange = desk.submit()
    for _ in range(2):
        desk.pass_time(4)
        session = desk.stream()
        desk.pass_time(50)
        desk.core.drain(session, desk.now)
        assert exchange.lease is not None
        desk.refuse(exchange.lease)
    assert desk.pass_time(1.9) == []
    assert failures(desk.pass_time(0.1 + TICK)) == [(exchange, "queue_timeout")]


@pytest.mark.parametrize("event", ["join", "answer", "resize"])
def test_nothing_is_handed_out_past_its_time_even_if_the_timer_is_late(
    desk: Desk, event: str
) -> None:
    session = desk.stream("/a", "*")
    lease = desk.leased()
    late, fresh = desk.submit(), desk.submit()
    fresh.wait_until += 60
    desk.now += desk.limits.queue_timeout
    match event:
        case "join":
            effects = desk.core.join(a_session(), desk.now)
        case "answer":
            effects = desk.answer(lease)
        case _:
            effects = desk.core.resize(session, 2, desk.now)
    assert failures(effects) == [(late, "queue_timeout")]
    assert delivered(effects) == [fresh]


def test_a_slot_that_a_timeout_frees_is_not_given_to_what_times_out_with_it() -> None:
    desk = Desk(queue_timeout=60, head_timeout=60)
    desk.rest()
    held = desk.leased()
    waiting = desk.submit()
    effects = desk.pass_time(60 + TICK)
    assert sorted(failures(effects), key=lambda failure: failure[0].sequence) == [
        (held.exchange, "deadline"),
        (waiting, "queue_timeout"),
    ]
    assert delivered(effects) == []
    assert desk.core.counters.leased == 1


def test_a_route_that_is_forgotten_hands_its_requests_to_the_general_workers() -> None:
    desk = Desk(queue_timeout=1000, route_linger=10)
    desk.core.lose(desk.stream("/a"), desk.now)
    desk.stream()
    exchange = desk.submit(target=b"/a")
    assert desk.pass_time(9) == []
    assert delivered(desk.pass_time(2)) == [exchange]
    assert desk.next_deadline() < math.inf


def test_with_nothing_open_there_is_no_deadline(desk: Desk) -> None:
    session = desk.stream()
    desk.answer(desk.leased())
    assert desk.next_deadline() == math.inf
    desk.core.lose(session, desk.now)
    assert desk.next_deadline() == math.inf


# ---------------------------------------------------------------- the end


def test_shutting_down_ends_everything_and_hands_out_nothing(desk: Desk) -> None:
    desk.rest()
    held = desk.leased()
    waiting = [desk.submit() for _ in range(3)]
    effects = desk.core.shut_down(desk.now)
    ended = dict(failures(effects))
    assert ended == {held.exchange: "shutdown"} | dict.fromkeys(waiting, "draining")
    assert delivered(effects) == []
    assert cancels(effects) == [(held, CancelReason.SHUTDOWN)]
    assert not desk.core.exchanges


def test_after_the_end_nothing_is_accepted(desk: Desk) -> None:
    desk.core.shut_down(desk.now)
    desk.stream()
    with pytest.raises(GatewayError) as caught:
        desk.submit()
    assert caught.value.kind is errors.DRAINING
