"""The answer of an application, byte by byte, without a connection."""

import pytest

from prack_worker.errors import ApplicationFailed
from prack_worker.proxy.answer import Answer

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nx-t: 1\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, len(CHUNKED)])
def test_pieces_of_any_size_are_the_same_answer(size: int) -> None:
    answer = Answer("GET")
    for at in range(0, len(CHUNKED), size):
        answer.feed(CHUNKED[at : at + size])
    assert answer.take_head() == (200, [(b"transfer-encoding", b"chunked")])
    assert answer.take_body() == b"onetwo"
    assert answer.trailers == [(b"x-t", b"1")]
    assert answer.ended


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (b"", 2.0),
        (b"keep-alive: timeout=5\r\n", 4.0),
        (b"Keep-Alive: max=100, Timeout = 31\r\n", 30.0),
        (b"keep-alive: 5\r\n", 2.0),
        (b"keep-alive: timeout=1\r\n", 0.0),
        (b"connection: close\r\n", 0.0),
    ],
)
def test_how_long_a_connection_is_kept(fields: bytes, seconds: float) -> None:
    answer = Answer("GET")
    answer.feed(HEAD + fields + b"content-length: 0\r\n\r\n")
    assert answer.idle_seconds == seconds


def test_what_was_taken_is_held_no_more() -> None:
    answer = Answer("GET")
    answer.feed(b"HTTP/1.1 103 X\r\nlink: a\r\n\r\n" + HEAD + b"content-length: 4\r\n\r\nbody")
    assert answer.held > 4
    assert [answer.take_head()[0], answer.take_head()[0]] == [103, 200]
    answer.take_body()
    assert answer.held == 0


def test_after_a_change_of_protocol_all_is_body() -> None:
    answer = Answer("GET")
    answer.feed(b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x00")
    assert answer.take_head()[0] == 101
    answer.feed(b"HTTP/1.1 400 no\r\n\r\n")
    assert answer.take_body() == b"\x81\x00HTTP/1.1 400 no\r\n\r\n"
    assert not answer.ended
    answer.finish()
    assert answer.ended


def test_an_end_in_the_middle_is_a_failure() -> None:
    answer = Answer("GET")
    answer.feed(HEAD + b"content-length: 4\r\n\r\nbo")
    with pytest.raises(ApplicationFailed, match="before its response was complete"):
        answer.finish()


@pytest.mark.parametrize("first", [CHUNKED, HEAD + b"content-length: 6\r\n\r\nonetwo"])
def test_a_second_answer_is_no_part_of_the_first(first: bytes) -> None:
    answer = Answer("GET")
    answer.feed(first + HEAD + b"set-cookie: a=b\r\ncontent-length: 4\r\n\r\nevil")
    trailers = [(b"x-t", b"1")] if first is CHUNKED else []
    assert (answer.take_body(), answer.trailers) == (b"onetwo", trailers)
    assert (len(answer.heads), answer.ended, answer.idle_seconds) == (1, True, 0.0)


def test_a_body_where_none_may_be_is_dropped_with_its_connection() -> None:
    answer = Answer("HEAD")
    answer.feed(HEAD + b"content-length: 4\r\n\r\nbody")
    assert answer.ended
    assert (answer.take_body(), answer.idle_seconds) == (b"", 0.0)
