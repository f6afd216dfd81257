import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.errors import WindowExceeded
from prack_grpc.core.exchange.flow import NO_BODY, UNBOUNDED, Flow


def a_flow(*pieces: bytes, window: int = 100, keep: int = 0) -> Flow:
    """These pieces have come, and the consumer may take all of them."""
    flow = Flow(window, allowed=UNBOUNDED, keep=keep)
    for piece in pieces:
        flow.push(piece)
    return flow


def drain(flow: Flow, most: int = 1000) -> bytes:
    parts = []
    while part := flow.take(most):
        assert len(part) <= most
        parts.append(part)
    return b"".join(parts)


# ---------------------------------------------------------------- push and take


@given(st.lists(st.binary(max_size=9)), st.integers(1, 12))
def test_bytes_come_out_as_they_went_in(pieces: list[bytes], most: int) -> None:
    flow = a_flow(*pieces, window=1000)
    assert drain(flow, most) == b"".join(pieces)
    assert flow.buffered == 0
    assert flow.taken == flow.pushed == len(b"".join(pieces))


def test_a_push_past_the_window_is_refused_and_changes_nothing() -> None:
    flow = a_flow(b"1234", window=6)
    with pytest.raises(WindowExceeded):
        flow.push(b"567")
    assert (flow.pushed, flow.granted, flow.peek()) == (4, 6, b"1234")
    flow.push(b"56")
    assert flow.peek() == b"123456"


def test_the_window_counts_what_was_taken_too() -> None:
    flow = a_flow(b"1234", window=6)
    flow.take(4)
    with pytest.raises(WindowExceeded):
        flow.push(b"567")


def test_an_empty_push_is_no_piece() -> None:
    flow = a_flow(b"")
    assert not flow.ready
    assert flow.take(10) == b""


def test_the_consumer_takes_at_most_what_its_peer_allows() -> None:
    flow = Flow(100)
    flow.push(b"abcdef")
    assert flow.take(10) == b""
    assert not flow.ready
    flow.allow(4)
    assert flow.ready
    assert flow.take(3) == b"abc"
    assert flow.take(3) == b"d"
    assert flow.take(3) == b""
    assert not flow.ready


def test_an_older_allowance_does_not_take_back_a_newer_one() -> None:
    flow = Flow(100)
    flow.allow(8)
    flow.allow(3)
    assert flow.allowed == 8


def test_what_was_taken_past_the_allowance_gives_no_later_piece_a_head_start() -> None:
    flow = Flow(100)
    flow.push(b"abc")
    flow.allow(1)
    assert flow.take_all() == b"abc"
    flow.push(b"def")
    assert flow.take(10) == b""
    flow.allow(5)
    assert flow.take(10) == b"de"


def test_peek_leaves_everything_in_place() -> None:
    flow = a_flow(b"ab", b"cd")
    assert flow.peek() == b"abcd"
    assert drain(flow) == b"abcd"


def test_a_flow_is_drained_when_its_end_has_come_and_nothing_is_left() -> None:
    flow = a_flow(b"ab")
    assert not flow.drained
    flow.ended = True
    assert not flow.drained
    flow.take(2)
    assert flow.drained


# ---------------------------------------------------------------- grants


@pytest.mark.parametrize(("consumed", "granted"), [(0, 100), (49, 100), (50, 150), (100, 200)])
def test_more_is_granted_once_half_of_the_window_is_consumed(consumed: int, granted: int) -> None:
    flow = Flow(100)
    assert flow.regrant(consumed) == (granted != 100)
    assert flow.granted == granted


@given(st.lists(st.integers(0, 40), max_size=40))
def test_grants_never_go_back_and_never_exceed_a_window_ahead(steps: list[int]) -> None:
    flow, consumed = Flow(100), 0
    for step in steps:
        before = flow.granted
        consumed = min(consumed + step, before)
        flow.regrant(consumed)
        assert before <= flow.granted <= consumed + 100
        assert flow.granted - consumed > 50


# ---------------------------------------------------------------- rewind


def test_a_new_consumer_gets_everything_from_the_start() -> None:
    flow = a_flow(b"abc", b"def", keep=10)
    flow.take(2)
    flow.take(10)
    assert flow.rewind()
    assert (flow.taken, flow.allowed) == (0, 0)
    flow.allow(UNBOUNDED)
    flow.push(b"ghi")
    assert drain(flow) == b"abcdefghi"


def test_a_flow_rewinds_as_often_as_it_is_asked_to() -> None:
    flow = a_flow(b"abcdef", keep=10)
    for most in (1, 4, 6):
        assert drain(flow, most) == b"abcdef"
        assert flow.rewind()
        flow.allow(UNBOUNDED)


def test_bytes_that_were_taken_past_what_is_kept_cannot_come_back() -> None:
    flow = a_flow(b"abcdef", keep=4)
    flow.take(4)
    assert flow.rewind()
    flow.allow(UNBOUNDED)
    assert flow.take(4) + flow.take(1) == b"abcde"
    assert not flow.rewind()
    assert drain(flow) == b"f"


def test_after_forget_only_an_untouched_flow_rewinds() -> None:
    flow = a_flow(b"abc", keep=10)
    flow.forget()
    assert flow.rewind()
    flow.allow(UNBOUNDED)
    flow.take(1)
    assert not flow.rewind()


def test_an_exchange_that_has_no_body_always_rewinds() -> None:
    NO_BODY.forget()
    NO_BODY.discard()
    assert NO_BODY.rewind()
    assert NO_BODY.drained


def test_a_discarded_flow_holds_nothing() -> None:
    flow = a_flow(b"abc", b"def", keep=10)
    flow.take(2)
    flow.discard()
    assert flow.peek() == b""
    assert flow.buffered == 0
    assert flow.drained
