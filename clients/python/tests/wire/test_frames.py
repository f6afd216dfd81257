"""Frames on a plain connection (proto/README.md, section 11)."""

import pytest

from prack_wire.frames import MAX_FRAME, Deframer, FrameTooLong

MESSAGES = [b"", b"a", b"bc" * 50, b"", b"d" * 300]
WIRE = b"".join(len(message).to_bytes(4, "big") + message for message in MESSAGES)


def drained(deframer: Deframer) -> list[bytes]:
    """All messages that are complete."""
    return list(iter(deframer.next, None))


@pytest.mark.parametrize("size", [*range(1, 12), 100, len(WIRE)])
def test_messages_come_out_however_the_bytes_were_cut(size: int) -> None:
    deframer, found = Deframer(), []
    for start in range(0, len(WIRE), size):
        deframer.feed(WIRE[start : start + size])
        found += drained(deframer)
    assert found == MESSAGES
    assert deframer.feed(b"") == 0


def test_bytes_may_pile_up() -> None:
    deframer = Deframer()
    waiting = [deframer.feed(WIRE[start : start + 7]) for start in range(0, len(WIRE), 7)]
    assert waiting[-1] == len(WIRE)
    assert drained(deframer) == MESSAGES


def test_the_largest_message_comes_in_many_pieces() -> None:
    deframer, message = Deframer(), b"x" * MAX_FRAME
    wire, piece = MAX_FRAME.to_bytes(4, "big") + message, 64 * 1024
    for start in range(0, len(wire), piece):
        assert deframer.next() is None
        deframer.feed(wire[start : start + piece])
    assert deframer.next() == message


def test_a_length_past_the_limit_is_noticed_at_once() -> None:
    deframer = Deframer()
    deframer.feed(b"\0\0\0\1a" + (MAX_FRAME + 1).to_bytes(4, "big"))
    assert deframer.next() == b"a"
    with pytest.raises(FrameTooLong):
        deframer.next()
