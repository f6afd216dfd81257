import math
from collections.abc import Callable

import pytest

from prack_grpc.core import errors
from prack_grpc.core.effects import Cancel
from prack_grpc.core.errors import GatewayError, LeaseError, WindowExceeded
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.exchange.states import Caller, Outcome, Work
from prack_grpc.core.limits import MIB
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.receivers import CancelReason
from tests.core.building import TICK, Desk, a_head, cancels, delivered, failures

SHUTDOWN = GatewayError(errors.SHUTDOWN)


@pytest.fixture
def desk() -> Desk:
    return Desk()


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


def test_room_for_a_body_that_waits_is_the_buffer_which_may_be_more_than_the_window() -> None:
    desk = Desk(request_buffer=30, window=20)
    exchange = desk.submit(b"x" * 10, False)
    assert desk.core.room(exchange) == 20
    desk.core.upload(exchange, b"x" * 20, desk.now)
    assert desk.core.room(exchange) == 0
    desk.stream()
    assert exchange.lease
    assert desk.core.room(exchange) == 0


def test_a_route_may_have_a_buffer_of_its_own() -> None:
    desk = Desk(request_buffer=30, request_buffers={Route(path="/live"): 0})
    assert desk.core.room(desk.submit(b"", False)) == 30
    live = desk.submit(b"", False, target=b"/live")
    assert desk.core.room(live) == 0
    assert not desk.core.reads_ahead(live)


def test_without_a_buffer_a_body_is_read_from_the_hand_out_on() -> None:
    desk = Desk(request_buffer=0, window=20)
    desk.stream(slots=2)
    live = desk.leased(b"", False)
    assert desk.core.room(live.exchange) == 20
    waits = desk.submit(b"", False)
    assert desk.core.room(waits) == 0
    desk.core.uploaded(live.exchange, desk.now)
    assert waits.lease
    assert desk.core.room(waits) == 20


def test_no_more_is_read_ahead_than_a_rest_worker_takes() -> None:
    desk = Desk(request_buffer=30, rest_body=25)
    assert desk.core.room(desk.submit(b"x" * 10, False)) == 15


def test_bodies_that_wait_take_at_most_half_of_the_queue() -> None:
    desk = Desk(queue_bytes=200)
    first, second = desk.submit(b"x" * 40, False), desk.submit(b"x" * 40, False)
    desk.core.upload(first, bytes(82), desk.now)
    assert desk.core.room(first) == desk.core.room(second) == 18
    desk.submit(bytes(30))
    assert desk.core.room(first) == 5, "and all that waits is bounded, too"


def test_a_body_that_comes_puts_off_the_end_of_the_wait() -> None:
    desk = Desk(queue_timeout=2)
    exchange = desk.submit(b"x", False)
    desk.pass_time(1.5)
    desk.core.upload(exchange, b"x", desk.now)
    assert failures(desk.pass_time(1.5)) == []
    assert failures(desk.pass_time(1)) == [(exchange, "no_workers")]


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
    desk.answering.begin(lease, a_head(b"ok"), True, desk.now)
    assert session.free
    assert (lease.exchange.state, lease.exchange.outcome) == (Caller.ANSWERING, None)
    desk.steps.complete(lease.exchange, desk.now)
    assert lease.exchange.outcome is Outcome.WORKER


def test_a_streamed_answer_comes_out_as_it_went_in(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"ab", length=5)
    desk.answering.data(lease, b"cde", desk.now)
    desk.answering.end(lease, desk.now)
    download = lease.exchange.download
    assert (download.peek(), download.ended) == (b"abcde", True)


@pytest.mark.parametrize("last", [b"", b"de"])
def test_an_answer_of_the_wrong_length_is_cut(desk: Desk, last: bytes) -> None:
    session = desk.stream()
    lease = desk.leased()
    desk.begin(lease, b"ab", length=3)
    effects = (
        desk.answering.data(lease, last, desk.now) if last else desk.answering.end(lease, desk.now)
    )
    assert failures(effects) == [(lease.exchange, "bad_worker_response")]
    assert bool(cancels(effects)) is bool(last)
    download = lease.exchange.download
    assert (download.peek(), download.ended) == (b"ab", False)  # what was right goes out
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
    desk.answering.begin(lease, a_head(b"12345"), True, desk.now)
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
        desk.answering.data(lease, b"45", desk.now)
    lease.exchange.download.take(3)
    assert desk.core.consumed(lease.exchange, desk.now)
    desk.answering.data(lease, b"4567", desk.now)
    assert lease.exchange.download.peek() == b"4567"


@pytest.mark.parametrize("event", ["data", "finish", "second head"])
def test_an_event_out_of_order_is_refused_and_changes_nothing(desk: Desk, event: str) -> None:
    session = desk.stream()
    lease = desk.leased()
    if event == "second head":
        desk.begin(lease, b"x")
    before = lease.state, lease.exchange.state, lease.received
    events: dict[str, Callable[[], object]] = {
        "data": lambda: desk.answering.data(lease, b"x", desk.now),
        "finish": lambda: desk.answering.end(lease, desk.now),
        "second head": lambda: desk.begin(lease, b"y"),
    }
    with pytest.raises(LeaseError):
        events[event]()
    assert (lease.state, lease.exchange.state, lease.received) == before
    assert list(session.held.values()) == [lease]


def test_interim_heads_are_wanted_until_the_final_one_or_the_client_leaves(desk: Desk) -> None:
    desk.stream(slots=2)
    left, begun = desk.leased(), desk.leased()
    assert desk.answering.interim(left)
    desk.core.leave(left.exchange, desk.now)
    assert not desk.answering.interim(left)
    desk.begin(begun)
    with pytest.raises(LeaseError):
        desk.answering.interim(begun)
    assert begun.state is Work.ANSWERING


def test_an_answer_without_a_body_may_be_complete_before_its_worker_ends_it(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased(method=b"HEAD")
    desk.answering.begin(lease, a_head(length=9), False, desk.now)
    desk.steps.complete(lease.exchange, desk.now)
    assert desk.core.exchanges == {}
    assert not session.free
    desk.answering.data(lease, b"never wanted", desk.now)
    desk.answering.end(lease, desk.now)
    assert session.free
    assert desk.next_deadline() == math.inf


def test_a_worker_that_never_ends_such_an_answer_is_told_to(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(method=b"HEAD")
    desk.answering.begin(lease, a_head(), False, desk.now)
    desk.steps.complete(lease.exchange, desk.now)
    effects = desk.pass_time(desk.limits.idle_timeout + TICK)
    assert effects == [Cancel(lease, CancelReason.DEADLINE)]
    assert lease.exchange.outcome is Outcome.WORKER
