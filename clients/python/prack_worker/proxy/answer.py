"""What an application answers to one request, as far as it has come; does no I/O."""

from __future__ import annotations

import re
from collections import deque

import httptools

from prack_worker.errors import ApplicationFailed

Fields = list[tuple[bytes, bytes]]

MAX_HEAD = 64 * 1024  # bytes, as the gateway takes
IDLE_SECONDS = 2.0  # that a connection is kept where the application says nothing else
MARGIN_SECONDS = 1.0  # by which this side is to be the first to close it
TIMEOUT = re.compile(rb"timeout[ \t]*=[ \t]*(\d{1,6})", re.IGNORECASE)
# RFC 9110 sections 15.3.5 and 15.4.5.
BODILESS = (204, 304)


class Answer:
    """The heads, the body and the trailers of one response.

    After a 101 the body is what comes on the connection, up to its end.

    Args:
        method: of the request; HEAD is answered without a body.

    Attributes:
        heads: status and fields, interim ones first, which nobody has taken yet.
        pieces: of the body, which nobody has taken yet.
        held: bytes in both.
        begun: something has come.
        ended: the response is complete.
        trailers: the fields after the body.
        idle_seconds: how long the connection can be kept; 0: it cannot be used again.
    """

    __slots__ = (
        "_fields", "_final", "_method", "_parser", "_tunnel", "_unread", "_up_to_end",
        "begun", "ended", "heads", "held", "idle_seconds", "pieces", "trailers",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._fields: Fields = []
        self._final = self._tunnel = self._up_to_end = False
        self._unread = 0  # bytes since the last thing that was whole
        self.heads: deque[tuple[int, Fields]] = deque()
        self.pieces: list[bytes] = []
        self.held = 0
        self.begun = self.ended = False
        self.trailers: Fields = []
        self.idle_seconds = 0.0

    def feed(self, data: bytes) -> None:
        """Take what has come. Raises ApplicationFailed."""
        self.begun = True
        if self.ended:
            self.idle_seconds = 0.0
        elif self._tunnel:
            self.on_body(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if rest := data[upgrade.args[0] :]:
                self.on_body(rest)
        except httptools.HttpParserError as error:
            if not self.ended:
                raise ApplicationFailed(f"its answer is no HTTP/1.1 response: {error}") from None
            self.idle_seconds = 0.0
        if self._unread > MAX_HEAD + len(data):
            raise ApplicationFailed(f"the head of its response is larger than {MAX_HEAD} bytes")

    def finish(self) -> None:
        """Nothing more comes. Raises ApplicationFailed, unless that is how the body ends."""
        self.idle_seconds = 0.0
        if not self.ended and not self._up_to_end:
            raise ApplicationFailed("it closed the connection before its response was complete")
        self.ended = True

    def take_head(self) -> tuple[int, Fields]:
        """The first of the heads."""
        head = self.heads.popleft()
        if not self.heads and not self.pieces:
            self.held = 0
        return head

    def take_body(self) -> bytes:
        """All pieces of the body."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        self.held = 0
        return data

    # ------------------------------------------------------------ what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of a head, or a trailer."""
        if self.ended:  # what comes after an answer is nobody's
            return
        (self.trailers if self._final else self._fields).append((name, value))

    def on_headers_complete(self) -> None:
        """A head is complete."""
        if self.ended:
            self.idle_seconds = 0.0
            return
        status, fields = self._parser.get_status_code(), self._fields
        self.heads.append((status, fields))
        self.held += self._unread
        self._unread, self._fields = 0, []
        if status >= 200:
            self._begin_body(status, fields)
        elif status == 101:
            self._final = self._tunnel = self._up_to_end = True

    def _begin_body(self, status: int, fields: Fields) -> None:
        self._final = True
        names = {name.lower() for name, _ in fields}
        self._up_to_end = names.isdisjoint((b"content-length", b"transfer-encoding"))
        if self._parser.should_keep_alive():
            self.idle_seconds = _idle_seconds(fields)
        if self._method == "HEAD" or status in BODILESS:
            self.ended = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unread = 0
        if self.ended:
            self.idle_seconds = 0.0
        else:
            self.pieces.append(body)
            self.held += len(body)

    def on_message_complete(self) -> None:
        """The end of a head without a body, or of a body."""
        self.ended = self._final and not self._tunnel


def _idle_seconds(fields: Fields) -> float:
    """What `Keep-Alive: timeout=5` says, less the margin."""
    for name, value in fields:
        if name.lower() == b"keep-alive" and (match := TIMEOUT.search(value)):
            return max(0.0, int(match[1]) - MARGIN_SECONDS)
    return IDLE_SECONDS
