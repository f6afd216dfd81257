"""The codec that gateway and worker share (proto/README.md, section 10.2)."""

import pytest

from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    OPEN,
    TEXT,
    BadEvents,
    Decoder,
    Event,
    close_code,
    close_data,
    encode,
)

EVENTS = [Event(OPEN), Event(TEXT, b"a\r\nTEXT 1"), Event(BINARY, b""), Event(CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_what_is_encoded_is_decoded_in_pieces_of_any_size(size: int) -> None:
    stream = encode(OPEN) + b"".join(encode(event.name, event.data) for event in EVENTS[1:])
    decoder = Decoder(100)
    found: list[Event] = []
    for start in range(0, len(stream), size):
        found += decoder.feed(stream[start : start + size])
    assert found == EVENTS


def test_the_bytes_are_those_of_the_protocol() -> None:
    assert encode(TEXT, b"x" * 26) == b"TEXT 1a\r\n" + b"x" * 26 + b"\r\n"
    assert encode(CLOSE) == b"CLOSE\r\n"


@pytest.mark.parametrize(
    "stream",
    [
        b"text 1\r\nx\r\n",
        b"TEXT -1\r\nx\r\n",
        b"TEXT 1\r\nxyz",
        b"TEXT 65\r\n",
        b"TEXT 123456789\r\n",
        b"A" * 64,
        b"\r\n",
    ],
)
def test_what_is_no_event_is_refused(stream: bytes) -> None:
    with pytest.raises(BadEvents):
        Decoder(100).feed(stream)


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (4999, "grüß"), (1005, ""), (1012, "x" * 123)]
)
def test_a_close_has_a_code_and_a_reason(code: int, reason: str) -> None:
    assert close_code(close_data(code, reason)) == (code, reason)


def test_a_long_reason_is_cut_between_characters() -> None:
    assert close_code(close_data(1000, "ü" * 100)) == (1000, "ü" * 61)
    assert close_code(b"\x03") == (1005, "")


def test_nothing_may_end_in_the_middle_of_an_event() -> None:
    decoder = Decoder(10)
    decoder.feed(b"TEXT 5\r\nhello\r\n")
    decoder.end()
    decoder.feed(b"TEXT 5\r\nhel")
    with pytest.raises(BadEvents, match="incomplete"):
        decoder.end()
