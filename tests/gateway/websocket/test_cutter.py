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


def test_a_compressed_frame_is_parsed_by_itself() -> None:
    message, made = frame(TEXT | DEFLATED, b"a"), cutter(8)
    assert made.cut(message * 9) == len(message)
    assert made.cut(message[:-1]) == len(message) - 1
    assert made.cut(message[-1:] + frame(PING)) == 1


def test_a_compressed_message_goes_on_behind_a_ping() -> None:
    begin = frame(TEXT | DEFLATED, b"a", bits=0)
    more = frame(PING) + frame(CONTINUATION, b"a", bits=0)
    data, made = begin + more + frame(CONTINUATION) + frame(TEXT, b"a") * 2, cutter(8)
    assert made.cut(data) == len(begin)
    assert made.cut(data[len(begin) :]) == len(more)
    assert made.cut(data[len(begin + more) :]) == len(data) - len(begin + more)


def test_what_carries_nothing_is_counted() -> None:
    made = cutter(len(FRAMES))
    made.cut(b"".join(FRAMES))
    assert made.empty == 2
