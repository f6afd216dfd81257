"""Where frames begin, whatever they are like and however they come."""

import pytest

from prack_grpc.gateway.websocket.cutter import DEFLATED, Cutter
from tests.support.frames import BINARY, CONTINUATION, PING, TEXT, frame

FRAMES = [
    frame(TEXT, b"hello"),
    frame(BINARY, bytes(125)),
    frame(BINARY, bytes(126)),
    frame(BINARY, bytes(70_000)),
    frame(PING),
    frame(CONTINUATION, b""),
    frame(TEXT, b"no mask", mask=None),
]


def cutter(budget: int) -> Cutter:
    made = Cutter()
    made.budget = budget
    return made


@pytest.mark.parametrize("budget", range(1, len(FRAMES)))
def test_it_stops_where_the_next_frame_would_begin(budget: int) -> None:
    assert cutter(budget).cut(b"".join(FRAMES)) == len(b"".join(FRAMES[:budget]))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 4096])
def test_pieces_may_be_of_any_size(size: int) -> None:
    data, made, seen = b"".join(FRAMES), cutter(0), 0
    for count in range(1, len(FRAMES) + 1):
        made.budget = 1
        while step := made.cut(data[seen : seen + size]):
            seen += step
        assert seen == len(b"".join(FRAMES[:count]))


@pytest.mark.parametrize(
    ("rsv1", "length", "begun"),
    [(DEFLATED, 50, 8), (DEFLATED, 100, 4), (DEFLATED, 600, 1), (0, 600, 8)],
)
def test_compressed_frames_count_for_what_they_may_be(rsv1: int, length: int, begun: int) -> None:
    message = frame(TEXT | rsv1, bytes(length))
    assert cutter(8).cut(message * 9) == begun * len(message)


def test_a_compressed_message_goes_on_behind_a_ping() -> None:
    begin = frame(TEXT | DEFLATED, bits=0)
    more = frame(CONTINUATION, bytes(2000), bits=0)
    whole = frame(TEXT, bytes(2000))
    assert cutter(8).cut(begin + frame(PING) + more + whole) == len(begin + frame(PING) + more)


def test_what_carries_nothing_is_counted() -> None:
    made = cutter(len(FRAMES))
    made.cut(b"".join(FRAMES))
    assert made.empty == 2
