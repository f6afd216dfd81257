"""The client takes what is HTTP, and nothing else."""

import pytest

from fuzz.clock import Found
from fuzz.responses import Reader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

TAKEN = {
    "a length": (OK + b"content-length: 2\r\n\r\nok", [b"ok"]),
    "two": ((OK + b"content-length: 2\r\n\r\nok") * 2, [b"ok", b"ok"]),
    "chunks": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", [b"ok"]),
    "trailers": (CHUNKED + b"0\r\nx: y\r\n\r\n", [b""]),
    "an interim one": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
        [b"", b""],
    ),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", [b""]),
    "the end of the connection": (OK + b"\r\nall of it", [b"all of it"]),
}
CUT = {
    "a length": OK + b"content-length: 3\r\n\r\nok",
    "chunks": CHUNKED + b"2\r\nok\r\n",
    "a chunk": CHUNKED + b"5\r\nok",
    "trailers": CHUNKED + b"0\r\nx",
}
REFUSED = {
    "no head": b"hello",
    "a bare line end": b"HTTP/1.1 200 OK\n\n",
    "no colon": OK + b"x\r\n\r\n",
    "a control character": OK + b"x: a\x01b\r\n\r\n",
    "a space in a name": OK + b"x : a\r\n\r\n",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\nok",
    "a length and chunks": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
    "a length that is none": OK + b"content-length: +2\r\n\r\nok",
    "an unknown coding": OK + b"transfer-encoding: gzip\r\n\r\nok",
    "more than the length": OK + b"content-length: 1\r\n\r\nok",
    "more than the chunk": CHUNKED + b"1\r\nok\r\n0\r\n\r\n",
    "no chunk": CHUNKED + b"not a chunk at all\r\n",
    "trailers that are none": CHUNKED + b"0\r\nnone\r\n\r\n",
}


@pytest.mark.parametrize(("data", "bodies"), TAKEN.values(), ids=TAKEN.keys())
def test_what_is_http_is_taken(data: bytes, bodies: list[bytes]) -> None:
    responses = Reader(data, ended=True).all()
    assert [one.body for one in responses] == bodies
    assert all(one.complete for one in responses)


@pytest.mark.parametrize("data", CUT.values(), ids=CUT.keys())
def test_a_cut_is_seen(data: bytes) -> None:
    assert [one.complete for one in Reader(data, ended=True).all()] == [False]
    with pytest.raises(Found, match="never ends"):
        Reader(data, ended=False).all()


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_http_is_found(data: bytes) -> None:
    with pytest.raises(Found):
        Reader(data, ended=True).all()


def test_an_answer_to_head_has_no_body() -> None:
    data = OK + b"content-length: 5\r\n\r\n"
    assert [one.body for one in Reader(data * 2, ended=True, head=True).all()] == [b"", b""]
