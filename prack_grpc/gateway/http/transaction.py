"""One request of a connection, and how its response is written (RFC 9112 section 6).

What the response's headers say was checked before.
"""

import asyncio
import http
import logging
import secrets
import time
from collections.abc import Callable, Collection, MutableMapping
from email.utils import formatdate
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Scope

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import PIECE
from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.request.problem import problem

log = logging.getLogger(__name__)

# Pieces of a request body from this size on are not copied; smaller ones are collected up to that,
# which is what one event to a worker may hold.
LARGE, COLLECTED = PIECE // 2, PIECE
# When so much of a body has not been received, the client waits.
HIGH_WATER = PIECE
STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, http.HTTPStatus(status).phrase.encode())
    for status in map(int, http.HTTPStatus)
}

# Fields that say what else is in the head.
LOOKED_AT = frozenset((b"connection", b"content-length", b"date"))

Fields = Collection[tuple[bytes, bytes]]


class Asker(Protocol):
    """Who is told when a response is complete."""

    def answered(self) -> None:
        """The last byte was written; the next request may begin."""


class Response:
    """One response. Each event is one write: a small response is one packet, head and body."""

    __slots__ = (
        "_asker",
        "_bodiless",
        "_chunked",
        "_old",
        "_transport",
        "_unsent",
        "complete",
        "framed",
        "keep_alive",
        "started",
    )

    # The head, until its first piece of body (an ASGI server has to wait).
    _unsent: list[bytes]

    def __init__(
        self, asker: Asker, transport: asyncio.Transport, method: str, old: bool, keep_alive: bool
    ) -> None:
        self._asker = asker
        self._transport = transport
        self._bodiless = method == "HEAD"
        self._old = old  # HTTP/1.0 knows no chunks
        self.keep_alive = keep_alive
        self.started = self.complete = False
        self.framed = False  # the client can tell where the body ends without the connection's end
        self._chunked = False

    @property
    def ends_with_connection(self) -> bool:
        """The client takes the end of the connection for the end of the body."""
        return self._old and not self.framed

    def respond(self, status: int, headers: Fields, body: bytes) -> None:
        """The whole response at once. The caller has seen that the client reads."""
        self.head(status, headers)
        self.body(body, False)

    def interim(self, status: int, headers: Fields) -> None:
        """A head before the final one, for clients that know of them (RFC 9110 section 15.2)."""
        if not self._old:
            self._transport.write(b"".join((_status_line(status), *_lines(headers), b"\r\n")))

    def head(self, status: int, headers: Fields) -> None:
        """The final head, dated if it is not. It is written with what comes next of the body."""
        self.started = True
        keep_alive, dated = self.keep_alive, False
        framed = self._bodiless or status in (204, 304)
        parts = [STATUS_LINES.get(status) or _status_line(status)]
        for name, value in headers:
            if name in LOOKED_AT:
                if name == b"connection" and value.lower() == b"close":
                    keep_alive = False  # which is said below
                    continue
                framed = framed or name == b"content-length"
                dated = dated or name == b"date"
            parts += (name, b": ", value, b"\r\n")
        if not dated:
            parts += (b"date: ", date(), b"\r\n")
        self.framed = framed
        if not framed:
            if self._old:
                keep_alive = False  # the end of the body is that of the connection
            else:
                self._chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
        if not keep_alive:
            parts.append(b"connection: close\r\n")
        elif self._old:
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        self.keep_alive = keep_alive
        self._unsent = parts

    def body(self, body: bytes, more: bool, trailers: Fields = ()) -> None:
        """A piece of the body; with no `more` the response is complete."""
        parts, self._unsent = self._unsent, []
        if self._chunked:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts += (b"0\r\n", *_lines(trailers), b"\r\n")
        elif body and not self._bodiless:
            if parts and len(body) > PIECE:  # a copy of tens of MiB holds up the others
                self._transport.write(b"".join(parts))
                parts = []
            parts.append(body)
        if data := b"".join(parts):  # a join of one part copies nothing
            self._transport.write(data)
        if not more:
            self.complete = True
            self._asker.answered()


# In the place of the scope of a request that is served without a coroutine: nobody looks at it
# any more, and while the request waits it would take a kilobyte.
BEGUN: Scope = {}


class Owner(Protocol):
    """What a transaction asks of its connection."""

    def unfinished(self) -> None:
        """The application has ended without an end of the response."""


class Transaction:
    """Holds what is here of the request's body, and passes on what comes of the response."""

    __slots__ = (
        "_event",
        "_flow",
        "_owner",
        "_pieces",
        "_tell",
        "_told_all",
        "disconnected",
        "expects",
        "more_body",
        "response",
        "scope",
        "unread",
    )

    def __init__(self, owner: Owner, scope: Scope, flow: Flow, response: Response) -> None:
        self._owner = owner
        self.scope = scope
        self._flow = flow
        self.response = response
        self.disconnected = False
        self.expects = False  # the client waits for 100 (Continue)
        self.more_body = True
        self.unread = 0  # bytes of the request body
        self._pieces: list[bytes | bytearray] = []
        self._told_all = False
        # Set when something has changed for who receives; few requests are ever waited for.
        self._event: asyncio.Event | None = None
        self._tell = _nothing

    # ------------------------------------------------------------ for the connection

    def take(self, piece: bytes) -> None:
        """A piece of the request body is here. Small ones are collected, large ones not copied."""
        if self.response.complete:
            return
        self.unread += len(piece)
        last = self._pieces[-1] if self._pieces else b""
        if len(piece) >= LARGE:
            self._pieces.append(piece)
        elif isinstance(last, bytearray) and len(last) + len(piece) <= COLLECTED:
            last += piece
        else:
            self._pieces.append(bytearray(piece))
        if self.unread > HIGH_WATER:
            self._flow.pause_reading()
        self.wake()

    def end(self) -> None:
        """The request body is complete."""
        self.more_body = False
        self.wake()

    def peek(self) -> bytes:
        """The part of the request body that nobody has received yet."""
        return b"".join(self._pieces)

    def disconnect(self) -> None:
        """The client has gone, or is to get nothing more."""
        self.disconnected = True
        self.wake()

    def wake(self) -> None:
        """Something has changed for who receives."""
        self._tell()
        if self._event is not None:
            self._event.set()

    async def run(self, app: ASGIApp) -> None:
        """Have the application serve it."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception(
                "bug: the gateway failed to serve a request; please report this traceback",
                extra={"action": "internal"},
            )
        if not (self.response.complete or self.disconnected or self._flow.is_closing):
            self._owner.unfinished()

    def awaits_continue(self) -> bool:
        """The client waits for 100 (Continue), see RFC 9110 section 10.1.1."""
        expectation: bytes = dict(self.scope["headers"]).get(b"expect", b"")
        return self.scope["http_version"] != "1.0" and expectation.lower() == b"100-continue"

    # ------------------------------------------------------------ for the application

    @property
    def is_here(self) -> bool:
        """There is something to be received."""
        gone = self.disconnected or self.response.complete
        return gone or bool(self._pieces) or not (self.more_body or self._told_all)

    def tell(self, change: Callable[[], None]) -> None:
        """Call this from now on when there may be something to be received."""
        self._tell = change
        if self.more_body:
            self._flow.resume_reading()  # see `_change`

    async def receive(self) -> Message:
        """The next ASGI event; waits only while nothing is here."""
        while not self.disconnected and not self.response.complete:
            if self.expects:
                self.expects = False
                self.response.interim(100, ())
            if self._pieces:
                piece = bytes(self._pieces.pop(0))
                self.unread -= len(piece)
                return self._piece(piece)
            if not self.more_body and not self._told_all:
                return self._piece(b"")
            await self._change()
        return {"type": "http.disconnect"}

    def _piece(self, piece: bytes) -> Message:
        more = self.more_body or bool(self._pieces)
        self._told_all = not more
        return {"type": "http.request", "body": piece, "more_body": more}

    async def _change(self) -> None:
        if self.more_body:
            # What comes behind the body is none of this transaction's business.
            self._flow.resume_reading()
        if self._event is None:
            self._event = asyncio.Event()
        self._event.clear()
        await self._event.wait()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take one ASGI event. Waits while the client does not read."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        response = self.response
        # Whoever has closed the connection need not be the one who tells this transaction.
        if self.disconnected or response.complete or self._flow.is_closing:
            return
        if response.started:
            more, trailers = message.get("more_body", False), message.get("trailers", ())
            response.body(message.get("body", b""), more, trailers)
        elif message["status"] < 200:
            response.interim(message["status"], message.get("headers", ()))
        else:
            if self.expects and self.more_body:
                # The client may send the body, or not: what comes next could be either.
                response.keep_alive = False
            self.expects = False
            response.head(message["status"], message.get("headers", ()))


def refusal(error: GatewayError, *fields: tuple[bytes, bytes]) -> tuple[str, bytes]:
    """An answer in the place of any other, the last of its connection; and the request's id."""
    request_id = secrets.token_hex(16)
    status, headers, body = problem(error, request_id, close=True)
    lines = _lines([*headers, *fields, (b"date", date())])
    return request_id, b"".join((STATUS_LINES[status], *lines, b"\r\n", body))


def _nothing() -> None:
    """Nobody waits."""


def _status_line(status: int) -> bytes:
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def _lines(fields: Fields) -> list[bytes]:
    return [b"%b: %b\r\n" % field for field in fields]


_dates = {0: b""}


def date() -> bytes:
    """The value of a Date field, made once a second (RFC 9110 section 6.6.1)."""
    second = int(time.time())
    if second not in _dates:
        _dates.clear()
        _dates[second] = formatdate(second, usegmt=True).encode()
    return _dates[second]
