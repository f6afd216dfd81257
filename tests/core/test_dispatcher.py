import pytest

from prack_grpc.core import errors
from prack_grpc.core.abort import AbortCode
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import BadRoute, GatewayError, LeaseError, WindowExceeded
from prack_grpc.core.exchange import Caller, Lease, Outcome, Work
from prack_grpc.core.flow import NO_BODY, UNBOUNDED
from prack_grpc.core.ledger import NotHeld, Verdict
from prack_grpc.core.limits import MIB
from prack_grpc.core.message import Kind
from prack_grpc.core.session import Session
from tests.core.building import Desk, a_head, cancels, delivered, failures

# A deadline may be one tick of 0.05 s late.
TICK = 0.06
SHUTDOWN = GatewayError(errors.SHUTDOWN)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def verdict(desk: Desk, lease: Lease) -> Verdict:
    with pytest.raises(NotHeld) as caught:
        desk.core.ledger.find(lease.identifier)
    return caught.value.verdict


# ---------------------------------------------------------------- accepting


def test_a_request_goes_at_once_to_a_worker_that_is_free(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased()
    assert list(session.held.values()) == [lease]
    assert (lease.state, lease.exchange.state) == (Work.LEASED, Caller.WAITING)
    assert desk.waiting == []


def test_a_request_that_finds_no_free_worker_waits(desk: Desk) -> None:
    desk.stream()
    desk.leased()
    exchange = desk.submit()
    assert exchange.lease is None
    assert desk.waiting == [exchange]


def test_the_oldest_request_goes_to_the_next_free_slot_whoever_has_it(desk: Desk) -> None:
    waiting = [desk.submit() for _ in range(3)]
    desk.rest()
    desk.stream()
    assert desk.waiting == waiting[2:]
    last = waiting[0].lease
    assert last is not None
    assert delivered(desk.answer(last)) == [waiting[2]]


def test_a_full_queue_refuses_and_accepts_nothing() -> None:
    desk = Desk(queue_requests=2)
    desk.submit()
    desk.submit()
    with pytest.raises(GatewayError) as caught:
        desk.submit()
    assert caught.value.kind is errors.QUEUE_FULL
    assert desk.core.counters.accepted == len(desk.core.exchanges) == 2


def test_a_request_larger_than_the_queue_is_refused_only_if_it_would_have_to_wait() -> None:
    desk = Desk(queue_bytes=1)
    with pytest.raises(GatewayError):
        desk.submit(target=b"/ab")
    desk.stream()
    assert desk.submit(target=b"/ab").lease


def test_a_full_queue_does_not_stop_what_a_free_worker_takes_at_once() -> None:
    desk = Desk(queue_requests=1)
    desk.submit()
    desk.stream("/a")
    assert desk.submit(target=b"/a").lease


def test_bytes_that_wait_are_those_of_heads_and_bodies(desk: Desk) -> None:
    desk.submit(b"12345", target=b"/abc", headers=[(b"name", b"value")])
    assert desk.core.queue.bytes == 5 + 4 + 9
    exchange = desk.submit(b"1", False)
    desk.core.upload(exchange, b"23", desk.now)
    assert desk.core.queue.bytes == 18 + 1 + 3
    desk.core.leave(exchange, desk.now)
    assert desk.core.queue.bytes == 18


def test_a_gateway_that_drains_accepts_nothing_and_finishes_what_it_has(desk: Desk) -> None:
    exchange = desk.submit()
    desk.core.begin_drain()
    with pytest.raises(GatewayError) as caught:
        desk.submit()
    assert caught.value.kind is errors.DRAINING
    desk.stream()
    assert exchange.lease


# ---------------------------------------------------------------- request bodies


def test_room_for_a_body_that_waits_is_what_rides_along(desk: Desk) -> None:
    exchange = desk.submit(b"x" * 10, False)
    assert desk.core.room(exchange) == desk.limits.inline_body - 10


def test_bodies_that_wait_stay_within_the_queue() -> None:
    desk = Desk(queue_bytes=100)
    first, second = desk.submit(b"x" * 40, False), desk.submit(b"x" * 40, False)
    assert desk.core.room(first) == desk.core.room(second) == 18


def test_room_for_a_body_that_is_taken_is_its_window(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"x" * 10, False)
    assert desk.core.room(lease.exchange) == desk.limits.window - 10


def test_a_worker_that_takes_a_body_whole_may_get_one_byte_more_than_is_allowed() -> None:
    desk = Desk(rest_body=1 * MIB)
    desk.rest()
    lease = desk.leased(b"x", False)
    desk.core.collect(lease.exchange)
    assert desk.core.room(lease.exchange) == MIB


def test_the_body_of_requests_without_one_is_never_changed(desk: Desk) -> None:
    desk.rest()
    lease = desk.leased()
    desk.core.collect(lease.exchange)
    desk.answer(lease)
    assert lease.exchange.upload is NO_BODY
    assert desk.core.room(lease.exchange) == 0
    assert NO_BODY.granted == 0


def test_each_piece_of_the_body_gives_the_worker_its_full_time_again(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"x", False)
    for _ in range(3):
        desk.pass_time(desk.limits.head_timeout - 1)
        desk.core.upload(lease.exchange, b"x", desk.now)
    assert desk.pass_time(desk.limits.head_timeout - 1) == []
    assert failures(desk.pass_time(1 + TICK)) == [(lease.exchange, "deadline")]


# ---------------------------------------------------------------- answers


def test_a_whole_answer_frees_the_slot_before_the_client_has_it(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased()
    desk.core.head(lease, a_head(b"ok"), True, desk.now)
    assert session.free
    assert (lease.exchange.state, lease.exchange.outcome) == (Caller.ANSWERING, None)
    desk.core.complete(lease.exchange, desk.now)
    assert lease.exchange.outcome is Outcome.WORKER


def test_a_streamed_answer_comes_out_as_it_went_in(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"ab", length=5)
    desk.core.data(lease, b"cde", desk.now)
    desk.core.finish(lease, desk.now)
    download = lease.exchange.download
    assert (download.peek(), download.ended) == (b"abcde", True)


@pytest.mark.parametrize("last", [b"", b"de"])
def test_an_answer_of_the_wrong_length_is_cut(desk: Desk, last: bytes) -> None:
    session = desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"ab", length=3)
    effects = desk.core.data(lease, last, desk.now) if last else desk.core.finish(lease, desk.now)
    assert failures(effects) == [(lease.exchange, "bad_worker_response")]
    assert bool(cancels(effects)) is bool(last)
    assert lease.exchange.download.peek() == b""
    assert session.free is not bool(last)


def test_a_head_larger_than_a_window_is_refused_and_changes_nothing() -> None:
    desk = Desk(window=4)
    desk.stream()
    lease = desk.leased()
    with pytest.raises(WindowExceeded):
        desk.begin(lease, b"12345")
    assert lease.state is Work.LEASED
    desk.begin(lease, b"1234")


def test_without_a_stream_a_whole_answer_of_any_size_is_taken() -> None:
    desk = Desk(window=4)
    desk.rest()
    lease = desk.leased()
    desk.core.head(lease, a_head(b"12345"), True, desk.now)
    assert lease.state is Work.CLOSED
    lease = desk.leased()
    with pytest.raises(WindowExceeded):
        desk.begin(lease, b"12345")
    assert (lease.state, lease.exchange.state) == (Work.LEASED, Caller.WAITING)


def test_data_past_the_window_is_refused_until_the_client_took_some() -> None:
    desk = Desk(window=4)
    desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"123")
    with pytest.raises(WindowExceeded):
        desk.core.data(lease, b"45", desk.now)
    lease.exchange.download.take(3)
    assert desk.core.consumed(lease.exchange, desk.now)
    desk.core.data(lease, b"4567", desk.now)
    assert lease.exchange.download.peek() == b"4567"


@pytest.mark.parametrize("event", ["data", "finish", "second head"])
def test_an_event_out_of_order_is_refused_and_changes_nothing(desk: Desk, event: str) -> None:
    session = desk.stream()
    lease = desk.leased()
    if event == "second head":
        desk.begin(lease, b"x")
    before = lease.state, lease.exchange.state, lease.received
    act = {
        "data": lambda: desk.core.data(lease, b"x", desk.now),
        "finish": lambda: desk.core.finish(lease, desk.now),
        "second head": lambda: desk.begin(lease, b"y"),
    }[event]
    with pytest.raises(LeaseError):
        act()
    assert (lease.state, lease.exchange.state, lease.received) == before
    assert list(session.held.values()) == [lease]


def test_interim_heads_are_wanted_until_the_final_one_or_the_client_leaves(desk: Desk) -> None:
    desk.stream(slots=2)
    left, begun = desk.leased(), desk.leased()
    assert desk.core.interim(left)
    desk.core.leave(left.exchange, desk.now)
    assert not desk.core.interim(left)
    desk.begin(begun)
    with pytest.raises(LeaseError):
        desk.core.interim(begun)
    assert begun.state is Work.ANSWERING


def test_an_answer_without_a_body_may_be_complete_before_its_worker_ends_it(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased(method=b"HEAD")
    desk.core.head(lease, a_head(length=9), False, desk.now)
    desk.core.complete(lease.exchange, desk.now)
    assert desk.core.exchanges == {}
    assert not session.free
    desk.core.data(lease, b"never wanted", desk.now)
    desk.core.finish(lease, desk.now)
    assert session.free
    assert desk.core.next_deadline() is None


def test_a_worker_that_never_ends_such_an_answer_is_told_to(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(method=b"HEAD")
    desk.core.head(lease, a_head(), False, desk.now)
    desk.core.complete(lease.exchange, desk.now)
    effects = desk.pass_time(desk.limits.idle_timeout + TICK)
    assert effects == [(lease, CancelReason.DEADLINE)]
    assert lease.exchange.outcome is Outcome.WORKER


# ---------------------------------------------------------------- aborts


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (AbortCode.HANDLER_ERROR, "worker_error"),
        (AbortCode.CANCELLED, "worker_error"),
        (AbortCode.TIMED_OUT, "deadline"),
        (AbortCode.UNSUPPORTED, "unsupported"),
    ],
)
@pytest.mark.parametrize("answering", [False, True])
def test_an_abort_ends_the_exchange_with_its_error(
    desk: Desk, code: AbortCode, error: str, answering: bool
) -> None:
    session = desk.stream()
    lease = desk.leased()
    if answering:
        desk.begin(lease)
    assert failures(desk.abort(lease, code)) == [(lease.exchange, error)]
    assert session.free
    assert desk.core.counters.failed == 1


@pytest.mark.parametrize("code", [AbortCode.REFUSED, AbortCode.OVERLOADED])
def test_once_an_answer_has_begun_it_cannot_be_given_back(desk: Desk, code: AbortCode) -> None:
    desk.stream()
    lease = desk.leased()
    desk.begin(lease)
    assert failures(desk.abort(lease, code)) == [(lease.exchange, "worker_error")]


@pytest.mark.parametrize("code", [AbortCode.REFUSED, AbortCode.OVERLOADED])
def test_what_was_not_started_goes_to_the_front_for_any_method(desk: Desk, code: AbortCode) -> None:
    session = desk.stream()
    lease = desk.leased(b"body", method=b"POST")
    later = desk.submit()
    desk.core.drain(session, desk.now)
    assert desk.abort(lease, code) == []
    assert desk.waiting == [lease.exchange, later]
    desk.stream()
    assert lease.exchange.lease is not lease
    assert lease.exchange.attempt == 2


def test_another_free_worker_gets_it_at_once(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    other = desk.stream()
    assert delivered(desk.refuse(lease)) == [lease.exchange]
    assert list(other.held.values()) == [lease.exchange.lease]


def test_after_other_exchanges_were_answered_one_without_a_body_still_goes_back(desk: Desk) -> None:
    desk.stream()
    desk.answer(desk.leased())
    lease = desk.leased()
    assert delivered(desk.refuse(lease)) == [lease.exchange]


def test_at_most_so_many_hand_outs_then_503() -> None:
    desk = Desk(max_attempts=3)
    desk.stream()
    lease = desk.leased()
    for _ in range(2):
        desk.refuse(lease)
        assert lease.exchange.lease is not None
        lease = lease.exchange.lease
    assert failures(desk.refuse(lease)) == [(lease.exchange, "refused")]


def test_a_body_that_cannot_be_replayed_is_not_handed_out_again() -> None:
    desk = Desk(inline_body=4)
    desk.stream()
    lease = desk.leased(b"12345678", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(5)
    assert failures(desk.refuse(lease)) == [(lease.exchange, "refused")]


def test_the_next_worker_gets_the_body_from_the_start(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"1234", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(3)
    desk.refuse(lease)
    desk.core.upload(lease.exchange, b"56", desk.now)
    assert lease.exchange.upload.peek() == b"123456"


def test_what_goes_back_is_counted_with_its_body(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased(b"1234", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(4)
    desk.core.upload(lease.exchange, b"56", desk.now)
    desk.core.drain(session, desk.now)
    desk.refuse(lease)
    assert desk.core.queue.bytes == 1 + 6


def test_what_goes_back_goes_to_the_route_that_fits_it_by_now(desk: Desk) -> None:
    general = desk.stream()
    lease = desk.leased(target=b"/a")
    special = desk.stream("/a")
    desk.core.resize(general, 2, desk.now)
    assert delivered(desk.refuse(lease)) == [lease.exchange]
    assert list(special.held.values()) == [lease.exchange.lease]


def test_a_hand_out_that_never_left_does_not_count(desk: Desk) -> None:
    desk = Desk(max_attempts=1)
    exchange = desk.submit()
    for _ in range(5):
        session = desk.rest()
        assert exchange.lease is not None
        desk.core.drain(session, desk.now)
        assert desk.core.put_back(exchange.lease, desk.now) == []
    assert desk.waiting == [exchange]
    assert desk.core.counters.returned == 5


def test_what_never_left_is_handed_out_under_the_same_name(desk: Desk) -> None:
    desk.rest()
    lease = desk.leased()
    assert delivered(desk.core.put_back(lease, desk.now)) == [lease.exchange]
    assert lease.exchange.lease is not lease
    assert desk.core.ledger.find(lease.identifier) is lease.exchange.lease


@pytest.mark.parametrize("state", [Work.ANSWERING, Work.CANCELLED, Work.CLOSED])
def test_only_what_was_not_started_can_be_put_back(desk: Desk, state: Work) -> None:
    desk.stream()
    lease = desk.leased()
    match state:
        case Work.ANSWERING:
            desk.begin(lease)
        case Work.CANCELLED:
            desk.core.leave(lease.exchange, desk.now)
        case _:
            desk.answer(lease)
    with pytest.raises(LeaseError):
        desk.core.put_back(lease, desk.now)
    assert (lease.state, lease.exchange.attempt) == (state, 1)
    assert desk.waiting == []


# ---------------------------------------------------------------- clients that leave


def test_a_client_that_leaves_takes_its_request_out_of_the_queue(desk: Desk) -> None:
    exchange = desk.submit()
    assert desk.core.leave(exchange, desk.now) == []
    assert desk.waiting == []
    assert exchange.outcome is Outcome.CLIENT_GONE
    assert desk.core.next_deadline() is None


def test_a_worker_that_acknowledges_keeps_its_slot_until_it_lets_go(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased()
    later = desk.submit()
    effects = desk.core.leave(lease.exchange, desk.now)
    assert effects == [(lease, CancelReason.CLIENT_GONE)]
    assert not session.free
    assert desk.core.data(lease, b"late", desk.now) == []
    assert delivered(desk.abort(lease, AbortCode.CANCELLED)) == [later]


@pytest.mark.parametrize("end", ["head", "finish", "refused"])
def test_a_cancelled_lease_ends_however_its_worker_ends_it(desk: Desk, end: str) -> None:
    session = desk.stream()
    lease = desk.leased()
    desk.core.leave(lease.exchange, desk.now)
    match end:
        case "head":
            desk.core.head(lease, a_head(b"late"), True, desk.now)
        case "finish":
            desk.begin(lease)
            desk.core.finish(lease, desk.now)
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
    assert verdict(desk, lease) is Verdict.GONE


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
    assert desk.core.next_deadline() is None


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
    assert session.last_number == lease.number
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
    fresh, begun, gone = desk.leased(), desk.leased(), desk.leased()
    desk.begin(begun)
    desk.core.leave(gone.exchange, desk.now)
    effects = desk.core.lose(session, desk.now)
    assert failures(effects) == [
        (fresh.exchange, "worker_lost"),
        (begun.exchange, "worker_lost"),
    ]
    assert cancels(effects) == []
    assert not session.held
    assert {fresh.state, begun.state, gone.state} == {Work.CLOSED}
    assert (desk.core.counters.failed, desk.core.counters.cancelled) == (2, 1)


def test_a_session_is_lost_once(desk: Desk) -> None:
    session = desk.stream()
    desk.leased()
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
    assert verdict(desk, answered) is Verdict.ANSWERED
    assert verdict(desk, gone) is Verdict.GONE
    assert verdict(desk, refused) is Verdict.STALE
    assert verdict(desk, lost) is Verdict.STALE
    assert len(desk.core.ledger) == 0


def test_streams_need_no_ledger(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    assert len(desk.core.ledger) == 0
    desk.answer(lease)
    assert verdict(desk, lease) is Verdict.UNKNOWN


# ---------------------------------------------------------------- time


def test_nobody_to_serve_it_and_nobody_free_are_two_errors(desk: Desk) -> None:
    alone = desk.submit()
    desk.pass_time(1)
    session = desk.stream("/a")
    assert desk.leased(target=b"/a")
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
            desk.core.data(lease, b"c", desk.now)
        else:
            lease.exchange.download.take(1)
            desk.core.consumed(lease.exchange, desk.now)
    assert failures(desk.pass_time(step + 1 + TICK)) == [(lease.exchange, "deadline")]


def test_a_websocket_may_be_silent_for_longer() -> None:
    desk = Desk(idle_timeout=10, websocket_idle=100)
    session = Session("w", 1, True, None, kinds=(Kind.WEBSOCKET,))
    desk.core.join(session, desk.now)
    lease = desk.leased(b"", False, kind=Kind.WEBSOCKET)
    desk.begin(lease)
    desk.pass_time(90)
    desk.core.upload(lease.exchange, b"x", desk.now)
    desk.pass_time(90)
    desk.core.data(lease, b"x", desk.now)
    assert desk.pass_time(99) == []
    assert failures(desk.pass_time(1 + TICK)) == [(lease.exchange, "deadline")]


def test_a_client_that_does_not_take_the_end_of_a_response_is_cut(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    desk.core.head(lease, a_head(b"ok"), True, desk.now)
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
            effects = desk.core.join(Session("w", 1, True, None), desk.now)
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
    assert desk.core.next_deadline() is not None


def test_with_nothing_open_there_is_no_deadline(desk: Desk) -> None:
    session = desk.stream()
    desk.answer(desk.leased())
    assert desk.core.next_deadline() is None
    desk.core.lose(session, desk.now)
    assert desk.core.next_deadline() is None


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
