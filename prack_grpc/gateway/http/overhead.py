"""Bytes of a request that carry nothing: a head that does not end, chunk extensions, a trickle.

The parser tells of fields and chunks only when they are complete, so what it swallows meanwhile is
counted here. A piece that holds the end of a head, or of a message, and what comes next is counted
in favour of the client.
"""

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.http.limits import ConnectionLimits

# What the parser is given of a body at once: such a piece can be sent to a worker as it is. One of
# chunks may hold hundreds, and the next one is small if it held more than so many.
CHUNKED_PIECE, BODY_PIECE, PLAIN_PIECE = 4 * KIB, 16 * KIB, 64 * KIB
MANY, SMALL_PIECE = 64, KIB
# A chunk's size line and the line end after its data, generously.
CHUNK_LINE = 32


class Overhead:
    """The accounts of one connection. It is `in_head` from a message's start to its head's end.

    While it is neither that nor `chunked`, nothing can be spent.
    """

    __slots__ = (
        "_chunks",
        "_limits",
        "_overhead",
        "_since",
        "_sum",
        "chunked",
        "in_head",
        "unread",
    )

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self.in_head = False
        self.unread = 0  # bytes of the pieces behind the one that the message has begun in
        self.chunked = False
        self._chunks = 0  # of the last piece
        self._overhead = 0
        self._since = 0.0
        self._sum = 0

    def piece(self, size: int, in_body: bool) -> None:
        """The parser is about to be given so many bytes."""
        self.unread += size
        if in_body:
            self._overhead += size

    def body_piece(self, fields: Headers, read: int) -> int:
        """The next piece of a body with this head, of which so many bytes were read."""
        length = next((int(value) for name, value in fields if name == b"content-length"), None)
        if length is None:
            chunks, self._chunks, self.chunked = self._chunks, 0, True
            return SMALL_PIECE if chunks > MANY else CHUNKED_PIECE
        return max(BODY_PIECE, min(PLAIN_PIECE, length - read))

    def message(self) -> None:
        """A message begins somewhere in the piece."""
        self.in_head, self.chunked, self.unread = True, False, 0

    def head(self) -> None:
        """The head is complete."""
        self.in_head, self._overhead = False, 0

    def chunk(self) -> None:
        """A chunk begins."""
        self._chunks += 1
        self._overhead -= CHUNK_LINE

    def body(self, size: int) -> None:
        """So many bytes were body."""
        self._overhead -= size
        self._sum += size

    def restart(self, now: float) -> None:
        """The client's rate counts from now: its body begins, or it could not send for a while."""
        self._since, self._sum = now, 0

    def too_slow(self, now: float) -> bool:
        """The body came more slowly than a client may send it (seconds, bytes a second)."""
        if now - self._since < self._limits.rate_seconds:
            return False
        slow = self._sum < self._limits.body_rate * (now - self._since)
        self.restart(now)
        return slow

    def spent(self, fields: int = 0) -> ErrorKind | None:
        """The error that the bytes so far and these `fields` deserve, after a piece was parsed."""
        limits = self._limits
        if self.in_head and (
            self.unread > limits.head_bytes + limits.target_bytes or fields > limits.fields
        ):
            return errors.HEAD_TOO_LARGE
        if self.chunked and self._overhead > limits.chunk_overhead:
            return errors.FRAMING
        return None
