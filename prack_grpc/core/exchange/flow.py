"""Body bytes of one exchange in one direction, on their way through the gateway.

House rules: offsets are cumulative and never go back; what may be pushed is bounded by what was
granted, so that memory is; there is no clock and no waiting here.
"""

from collections import deque

from prack_grpc.core.errors import WindowExceeded

# A consumer that nothing else holds back.
UNBOUNDED = 1 << 62


class Flow:
    """A queue of body bytes between a producer, held back by `granted`, and a consumer.

    The consumer may in turn be held back by its own peer: it takes at most `allowed`. The first
    `keep` bytes are kept after they were taken, for `rewind`.
    """

    __slots__ = (
        "_chunks",
        "_keep",
        "_kept",
        "_window",
        "allowed",
        "ended",
        "granted",
        "pushed",
        "taken",
    )

    def __init__(self, window: int, allowed: int = 0, keep: int = 0) -> None:
        self._chunks: deque[bytes] = deque()
        self._kept: list[bytes] = []
        self._keep = keep
        self._window = window
        self.granted = window
        self.allowed = allowed
        self.pushed = 0
        self.taken = 0
        self.ended = False

    @property
    def room(self) -> int:
        """Bytes that may be pushed now."""
        return self.granted - self.pushed

    @property
    def buffered(self) -> int:
        """Bytes that are here now."""
        return self.pushed - self.taken

    @property
    def drained(self) -> bool:
        """The producer has ended and the consumer has all of it."""
        return self.ended and not self._chunks

    @property
    def ready(self) -> bool:
        """There is something that the consumer may take now."""
        return bool(self._chunks) and self.taken < self.allowed

    def push(self, data: bytes) -> None:
        """Add bytes. Raises WindowExceeded, with nothing changed, past the granted offset."""
        if self.pushed + len(data) > self.granted:
            raise WindowExceeded(
                f"{self.pushed + len(data)} bytes sent, the window allows {self.granted}"
            )
        if data:
            self._chunks.append(data)
            self.pushed += len(data)

    def take(self, most: int) -> bytes:
        """The next piece, at most `most` bytes and not past `allowed`; empty if there is none."""
        if not self.ready:
            return b""
        most = min(most, self.allowed - self.taken)
        chunk = self._chunks.popleft()
        if len(chunk) > most:
            self._chunks.appendleft(chunk[most:])
            chunk = chunk[:most]
        elif self._chunks and len(chunk) + len(self._chunks[0]) <= most:
            chunk = self._joined(chunk, most)
        self._taken(chunk)
        return chunk

    def _joined(self, chunk: bytes, most: int) -> bytes:
        """With the small ones behind it: half a million of one byte each are passed on as a few."""
        parts, size = [chunk], len(chunk)
        while self._chunks and size + len(self._chunks[0]) <= most:
            parts.append(self._chunks.popleft())
            size += len(parts[-1])
        return b"".join(parts)

    def peek(self) -> bytes:
        """Everything that is here, left where it is."""
        return b"".join(self._chunks)

    def take_all(self) -> bytes:
        """Everything that is here, whatever is allowed."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._taken(data)
        return data

    def _taken(self, data: bytes) -> None:
        self.taken += len(data)
        if self.taken <= self._keep:
            self._kept.append(data)
        else:
            self._kept.clear()

    def rewind(self) -> bool:
        """Give a new consumer everything from the start. False if that is no longer here."""
        if self.taken > self._keep:
            return False
        self._chunks.extendleft(reversed(self._kept))
        self._kept.clear()
        self.taken = self.allowed = 0
        return True

    def keep(self, size: int) -> None:
        """Keep so many bytes, or more, after they were taken. Nothing was taken yet."""
        self._keep = max(self._keep, size)

    def allow(self, offset: int) -> None:
        """The consumer's peer takes bytes up to this offset. A lower offset than before is old."""
        self.allowed = max(self.allowed, offset)

    def regrant(self, consumed: int) -> bool:
        """Grant more once half of the window is consumed. True if `granted` has moved."""
        if self.granted - consumed > self._window // 2:
            return False
        self.granted = consumed + self._window
        return True

    def lend(self, size: int) -> None:
        """Grant more than the window."""
        self.granted += size

    @property
    def beyond(self) -> int:
        """What is here, or may come, beyond the window; below 0 there is room in it."""
        return (self.pushed if self.ended else self.granted) - self.taken - self._window

    def forget(self) -> None:
        """Keep nothing more: there can be a rewind only while nothing was taken."""
        self._keep = 0
        self._kept.clear()

    def discard(self) -> None:
        """Nobody wants the bytes any more."""
        self._chunks.clear()
        self._kept.clear()
        self.taken = self.pushed
        self.ended = True


# The body of every exchange that has none.
NO_BODY = Flow(0)
NO_BODY.ended = True


def begun(body: bytes, end: bool, window: int, keep: int) -> Flow:
    """A request body of which so much is here; `end` if that is all."""
    if end and not body:
        return NO_BODY
    upload = Flow(max(window, len(body)), keep=keep)
    upload.push(body)
    upload.ended = end
    return upload
