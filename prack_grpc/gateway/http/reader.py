"""What a client sends, read: parsed in pieces, counted, and refused where it is no HTTP/1.1."""

from abc import ABC, abstractmethod
from itertools import chain
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.fields import TOKEN
from prack_grpc.core.http.message import Headers
from prack_grpc.gateway.http.limits import GuardLimits
from prack_grpc.gateway.http.overhead import Budget
from prack_grpc.gateway.http.pieces import HEAD_PIECE, body_piece
from prack_grpc.gateway.http.response import Cycle
from prack_grpc.gateway.request.head import framing_lines

# What the parser says of versions that are well-formed, and of the preface of HTTP/2.
VERSIONS = frozenset(("Invalid HTTP version", "Pause on PRI/Upgrade"))
ASGI: Any = {"version": "3.0", "spec_version": "2.3"}


class Reading(HttpToolsProtocol, ABC):
    """uvicorn's protocol class, with parser callbacks of our own.

    Adds `scope["extensions"]["prack"]`: `target` as sent, and this object as `connection`.
    """

    limits: ClassVar[GuardLimits] = GuardLimits()
    cycle: Cycle  # this class puts no other in
    # With what uvicorn has they would be too many for a dict that shares its keys (2 KiB each).
    __slots__ = (
        "_backlog",
        "_body_read",
        "_budget",
        "_in_body",
        "_refusal",
        "_resuming",
        "url",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline: list[Cycle] = []  # type: ignore[assignment]
        self._refusal: GatewayError | None = None
        self._backlog = bytearray()
        self._budget = Budget(self.limits)
        self._in_body, self._body_read = False, 0
        self._resuming = False

    @abstractmethod
    def _arrived(self, cycle: Cycle) -> None:
        """The head of this request is complete."""

    @abstractmethod
    def _ended(self) -> None:
        """The request whose head has arrived last is complete."""

    @abstractmethod
    def _refuse(self, error: GatewayError) -> None:
        """Nothing after this can be understood."""

    @abstractmethod
    def _hand_over(self, rest: bytes) -> None:
        """The connection becomes a WebSocket's; so much came after its handshake."""

    def _parse(self, data: bytes) -> None:
        """Parse in pieces, until a request waits behind another; the rest waits unparsed."""
        at = 0
        while at < len(data) and self._refusal is None:
            if self.pipeline:
                # Reading on is the only way to notice that the client leaves.
                self._backlog += data[at:]
                if len(self._backlog) > self.limits.backlog_bytes:
                    self.flow.pause_reading()
                return
            size = body_piece(self.headers, self._body_read) if self._in_body else HEAD_PIECE
            piece = data[at : at + size]
            at += len(piece)
            self._budget.piece(len(piece), self._in_body)
            unread = self._feed(piece)
            if unread is not None:
                data, at = unread + data[at:], 0
                if self._is_websocket():
                    self._hand_over(data)
                    return
                self._ignore_upgrade()
            elif kind := self._budget.spent():
                self._in_body = kind is errors.FRAMING
                self._refuse(GatewayError(kind))

    def _feed(self, piece: bytes) -> bytes | None:
        """Give this to the parser. Returns what it left unread because of an upgrade."""
        before = self.cycle
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            return piece[upgrade.args[0] :]
        except httptools.HttpParserInvalidMethodError:
            first = self.cycle is before and TOKEN.fullmatch(piece.partition(b" ")[0])
            kind = errors.NOT_IMPLEMENTED if first else errors.FRAMING
            self._refuse(GatewayError(kind, "this method is not supported"))
        except httptools.HttpParserError as error:
            cause = error.__context__
            kind = errors.VERSION_UNSUPPORTED if str(error) in VERSIONS else errors.FRAMING
            bad = GatewayError(kind, str(error))
            self._refuse(cause if isinstance(cause, GatewayError) else bad)
        return None

    def _is_websocket(self) -> bool:
        """Whether this upgrade, which the parser has stopped at, is one that is done here."""
        return (
            self.ws_protocol_class is not None
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self._get_upgrade() == b"websocket"
            and not framing_lines(self.headers)
        )

    def _ignore_upgrade(self) -> None:
        """Go on with HTTP/1.1 (RFC 9110 section 7.8): the parser has stopped before the body."""
        self.parser = httptools.HttpRequestParser(self)
        framing = framing_lines(self.headers)
        if framing:
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n" % framing)
            self._resuming = False

    def on_message_begin(self) -> None:
        """See httptools."""
        if not self._resuming:
            self._budget.message()
            self.url = b""
            self.headers = []
            self.scope = {"headers": self.headers}  # type: ignore[typeddict-item]

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        if not self._resuming:
            self.url += url
            if len(self.url) > self.limits.target_bytes:
                raise GatewayError(errors.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers are read and dropped (RFC 9110 section 6.5.1)."""
        if self._in_body or self._resuming:
            return
        # RFC 9112 section 5.1: the parser has only stripped the space before the value.
        self.headers.append((name.lower(), value.rstrip(b" \t")))
        if len(self.headers) > self.limits.fields:
            raise GatewayError(errors.HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The request can start, or waits behind the one before."""
        if self._resuming:
            return
        size = sum(map(len, chain.from_iterable(self.headers))) + 4 * len(self.headers)
        if size > self.limits.head_bytes:
            raise GatewayError(errors.HEAD_TOO_LARGE)
        self._budget.head(size + len(self.url), self.loop.time())
        if self.parser.should_upgrade() and self._is_websocket():
            return
        # The endpoint reads the target itself: uvicorn's parser knows only some of its forms.
        path, _, query = self.url.partition(b"?")
        version = self.parser.get_http_version()
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
            "state": self.app_state,
            "extensions": {"prack": {"target": self.url, "connection": self}},
        }
        self.scope = scope  # type: ignore[assignment]
        self._in_body, self._body_read = True, 0
        self.cycle = cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.parser.should_keep_alive(),
            version != "1.0" and _expects(self.headers),
            self.on_response_complete,
        )
        self._arrived(cycle)

    def on_chunk_header(self) -> None:
        """See httptools."""
        self._budget.chunk()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body_read += len(body)
        self._budget.body(len(body))
        if not self.cycle.response_complete:
            self.cycle.take(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        if self.parser.should_upgrade() and not self._resuming:
            if self._is_websocket() or framing_lines(self.headers):
                return  # a body comes by way of _ignore_upgrade
        self._in_body = False
        self.cycle.end()
        self._ended()


def _expects(fields: Headers) -> bool:
    """The client waits for 100 (Continue), see RFC 9110 section 10.1.1."""
    return dict(fields).get(b"expect", b"").lower() == b"100-continue"
