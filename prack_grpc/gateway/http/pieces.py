"""How much of what a client sent is parsed at a time.

No more requests than one piece can hold wait as parsed ones. There can be none in what is known to
be body: that comes in pieces that a worker can be sent as they are.
"""

from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import KIB

HEAD_PIECE, BODY_PIECE, PLAIN_PIECE = 2 * KIB, 16 * KIB, 64 * KIB


def body_piece(fields: Headers, read: int) -> int:
    """The next piece of a body, of which so many bytes were read; the parser has taken its head."""
    length = next((int(value) for name, value in fields if name == b"content-length"), 0)
    return max(BODY_PIECE, min(PLAIN_PIECE, length - read))
