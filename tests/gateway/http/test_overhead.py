import pytest

from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.overhead import BODY_PIECE, CHUNKED_PIECE, PLAIN_PIECE, Overhead


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
    assert (
        Overhead(ConnectionLimits()).body_piece([(b"content-length", b"%d" % length)], read) == size
    )


def test_requests_may_be_behind_a_body_in_chunks() -> None:
    assert (
        Overhead(ConnectionLimits()).body_piece([(b"transfer-encoding", b"chunked")], 0)
        == CHUNKED_PIECE
    )
