import pytest

from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.overhead import (
    BODY_PIECE,
    CHUNKED_PIECE,
    MANY,
    PLAIN_PIECE,
    SMALL_PIECE,
    Overhead,
)


@pytest.mark.parametrize(
    ("length", "read", "size"),
    [
        (10 * PLAIN_PIECE, 0, PLAIN_PIECE),
        (10 * PLAIN_PIECE, 9 * PLAIN_PIECE, PLAIN_PIECE),
        (10 * PLAIN_PIECE, 9 * PLAIN_PIECE + 1, PLAIN_PIECE - 1),  # no byte of the next request
        (10 * PLAIN_PIECE, 10 * PLAIN_PIECE - 1, BODY_PIECE),
        (1, 0, BODY_PIECE),
    ],
)
def test_a_body_of_known_length_comes_in_large_pieces(length: int, read: int, size: int) -> None:
    assert piece((b"content-length", b"%d" % length), read) == size


def test_requests_may_be_behind_a_body_in_chunks() -> None:
    assert piece((b"transfer-encoding", b"chunked"), 0) == CHUNKED_PIECE


def test_the_pieces_of_tiny_chunks_are_small_as_long_as_they_are_tiny() -> None:
    overhead = Overhead(ConnectionLimits())
    sizes = []
    for chunks in (MANY, MANY + 1, MANY + 1, 1, 1):
        sizes.append(overhead.body_piece([], 0))
        for _ in range(chunks):
            overhead.chunk()
    assert sizes == [CHUNKED_PIECE, CHUNKED_PIECE, SMALL_PIECE, SMALL_PIECE, CHUNKED_PIECE]


def piece(framing: tuple[bytes, bytes], read: int) -> int:
    """Of a body with this field, of which so much was read."""
    return Overhead(ConnectionLimits()).body_piece([framing], read)
