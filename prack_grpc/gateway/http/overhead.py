"""Bytes of a request that carry nothing: a head that does not end, chunk extensions, a trickle.

The parser tells of fields and chunks only when they are complete, so what it swallows meanwhile is
counted here. A piece that holds the end of one message and the start of the next is counted in
favour of the client.
"""

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind
from prack_grpc.gateway.http.limits import ConnectionLimits

# A chunk's size line and the line end after its data, generously.
CHUNK_LINE = 32


class Overhead:
    """The accounts of one connection. It is `in_head` from a message's start to its head's end.

    While it is neither that nor `chunked`, nothing can be spent.
    """

    __slots__ = (
        "_limits",
        "_overhead",
        "_piece",
        "_since",
        "_sum",
        "_unread",
        "chunked",
        "in_head",
    )

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._piece = 0  # size of the piece that is being parsed, 0 once a head was complete in it
        self.in_head = False
        self._unread = 0
        self.chunked = False
        self._overhead = 0
        self._since = 0.0
        self._sum = 0

    def piece(self, size: int, in_body: bool) -> None:
        """The parser is about to be given so many bytes."""
        self._piece = size
        self._unread += size
        if in_body:
            self._overhead += size

    def message(self) -> None:
        """A message begins somewhere in the piece."""
        self.in_head, self.chunked, self._unread = True, False, 0

    def head(self, size: int) -> None:
        """The head is complete; it took about so many bytes. What is left of the piece is body."""
        self.in_head = False
        self._overhead = self._piece - size if self._piece else 0
        self._piece = 0

    def chunk(self) -> None:
        """A chunk begins."""
        self.chunked = True
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

    def spent(self) -> ErrorKind | None:
        """The error that the bytes so far deserve, after a piece was parsed."""
        if self.in_head and self._unread > self._limits.head_bytes + self._limits.target_bytes:
            return errors.HEAD_TOO_LARGE
        if self.chunked and self._overhead > self._limits.chunk_overhead:
            return errors.FRAMING
        return None
