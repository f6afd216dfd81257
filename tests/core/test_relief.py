"""Slow readers: their responses are lent room, or cut, while others wait for their slots."""

from typing import Any

import pytest

from prack_grpc.core.effects import Effects, Grant
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.http.message import Kind
from prack_grpc.core.receivers import NOBODY
from tests.core.building import Desk, a_request, delivered, failures

WINDOW = 80


def a_desk(slots: int = 1, **limits: Any) -> Desk:
    """One worker."""
    desk = Desk(**({"window": WINDOW, "response_buffer": 400, "slow_reader": 5.0} | limits))
    desk.stream(slots=slots)
    return desk


def a_standing(desk: Desk, length: int = -1, **request: Any) -> Lease:
    """A response whose client reads nothing."""
    lease = desk.leased(**request)
    desk.begin(lease, b"", length)
    send(desk, lease, WINDOW)
    return lease


def send(desk: Desk, lease: Lease, size: int) -> Effects:
    """A piece of response body."""
    return desk.answering.data(lease, bytes(size), desk.now)


def submitted(desk: Desk, **request: Any) -> Effects:
    """What comes of one more request."""
    return desk.core.submit("one more", a_request(**request), NO_BODY, NOBODY, desk.now)[1]


def test_nothing_is_lent_while_nobody_waits() -> None:
    desk = a_desk(slots=2)
    lease = a_standing(desk)
    assert len(delivered(submitted(desk))) == 1
    assert lease.exchange.download.room == 0


def test_o4_what_fits_is_taken_from_the_worker_when_others_wait() -> None:
    desk = a_desk()
    lease = a_standing(desk, length=WINDOW + 100)
    assert submitted(desk) == [Grant(lease)]
    assert lease.exchange.download.room == 100
    assert send(desk, lease, 100) == []
    assert len(delivered(desk.answering.end(lease, desk.now))) == 1


def test_who_leaves_a_free_slot_to_others_gets_one_that_a_slow_reader_holds() -> None:
    desk = a_desk(slots=8)
    desk.answer(desk.leased(counts_for="other"))
    first, *_ = [a_standing(desk, counts_for="office") for _ in range(7)]
    assert submitted(desk, counts_for="office") == [Grant(first)]


def test_a_response_that_comes_to_stand_while_others_wait_is_lent_something() -> None:
    desk = a_desk()
    lease = desk.leased()
    assert submitted(desk) == []
    desk.begin(lease)
    assert send(desk, lease, WINDOW - 20) == []
    assert send(desk, lease, 20) == [Grant(lease)]


def test_one_is_helped_at_a_time_unless_it_takes_too_long() -> None:
    desk = a_desk(slots=2)
    first, second = a_standing(desk), a_standing(desk)
    assert submitted(desk) == [Grant(first)]
    assert desk.core.submit("another", a_request(), NO_BODY, NOBODY, desk.now)[1] == []
    assert send(desk, first, WINDOW) == [Grant(first)]
    assert desk.pass_time(0.2) == [Grant(second)]


def test_of_unknown_length_it_is_lent_piece_by_piece() -> None:
    desk = a_desk()
    lease = a_standing(desk)
    assert submitted(desk) == [Grant(lease)]
    assert send(desk, lease, WINDOW) == [Grant(lease)]
    assert lease.exchange.download.room == 20  # a quarter of all for one
    assert send(desk, lease, 20) == []
    assert lease.exchange.download.room == 0


def test_what_a_worker_may_send_whole_is_no_fault_of_its_client() -> None:
    desk = a_desk(response_buffer=0)
    lease = desk.leased()
    desk.begin(lease, b"", WINDOW)
    send(desk, lease, WINDOW - 1)
    submitted(desk)
    assert failures(desk.pass_time(30)) == []


def test_what_is_too_large_is_lent_nothing_and_cut_after_a_while() -> None:
    desk = a_desk()
    lease = a_standing(desk, length=1000)
    assert submitted(desk) == []
    assert failures(desk.pass_time(4.8)) == []
    assert failures(desk.pass_time(0.3)) == [(lease.exchange, "slow_reader")]


def test_the_longest_standing_is_cut_first_and_one_at_a_time() -> None:
    desk = a_desk(slots=2, response_buffer=0)
    first = a_standing(desk)
    desk.now += 1
    second = a_standing(desk)
    desk.now += 6
    assert failures(submitted(desk)) == [(first.exchange, "slow_reader")]
    assert failures(desk.pass_time(0.01)) == []
    desk.refuse(first)
    assert failures(desk.pass_time(10)) == []
    assert second.exchange.error is None


def test_one_that_is_read_is_not_cut() -> None:
    desk = a_desk(response_buffer=0)
    lease = a_standing(desk)
    submitted(desk)
    for _ in range(5):
        desk.now += 2
        lease.exchange.download.take(WINDOW // 2)
        assert desk.core.consumed(lease.exchange, desk.now)
        send(desk, lease, WINDOW // 2)
        assert failures(desk.pass_time(1)) == []


def test_what_was_lent_is_free_again_when_it_is_read() -> None:
    desk = a_desk()
    lease = a_standing(desk, length=WINDOW + 100)
    submitted(desk)
    relief = desk.steps.relief
    assert relief.lent == 100
    send(desk, lease, 100)
    desk.answering.end(lease, desk.now)
    lease.exchange.download.take(60)
    desk.core.consumed(lease.exchange, desk.now)
    assert relief.lent == 40 + 80 - WINDOW
    desk.core.leave(lease.exchange, desk.now)
    assert relief.lent == 0


@pytest.mark.parametrize("other", ["worker", "kind"])
def test_only_what_keeps_a_slot_that_is_waited_for_is_touched(other: str) -> None:
    desk = Desk(window=WINDOW, response_buffer=0)
    if other == "worker":
        desk.stream("/a")
        lease = desk.leased(target=b"/a")
    else:
        desk.stream(kinds=(Kind.HTTP, Kind.WEBSOCKET))
        lease = desk.leased(b"", False, kind=Kind.WEBSOCKET)
    desk.begin(lease)
    send(desk, lease, WINDOW)
    desk.now += 20
    assert submitted(desk) == []


def test_nobody_waits_any_more_nothing_is_due() -> None:
    desk = a_desk(response_buffer=0)
    a_standing(desk)
    effects = submitted(desk)
    assert effects == []
    desk.pass_time(1)
    waiting = desk.waiting[0]
    desk.core.leave(waiting, desk.now)
    desk.pass_time(1)
    assert desk.steps.relief.due > desk.now + 1000
