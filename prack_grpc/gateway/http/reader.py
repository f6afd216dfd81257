"""What a client sends, read: parsed in pieces, counted, and refused where it is no HTTP/1.1."""

import asyncio
import re
import socket
import urllib.parse
from functools import lru_cache
from typing import NamedTuple, Protocol, Self

import httptools
from starlette.types import Scope

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.fields import TOKEN, connection_options
from prack_grpc.core.http.message import Headers, size_of
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.overhead import BODY_PIECE, Overhead
from prack_grpc.gateway.http.transaction import Transaction
from prack_grpc.gateway.request.head import framing_lines
from prack_grpc.private.certificate import Certificate, of_connection

# A piece holds two heads at most, so no more requests wait as parsed ones. There can be none in
# what is known to be body.
HEAD_PIECE = 2 * KIB
# After so many chunks the others have their turn: a read of 256 KiB may be 40,000 of them.
TURN = 256
# What the parser says of versions that are well-formed, and of the preface of HTTP/2.
VERSIONS = frozenset(("Invalid HTTP version", "Pause on PRI/Upgrade"))
END, HEADS = b"\r\n\r\n", 2  # of a head; in a piece
BLANK = re.compile(rb"[\r\n]+")  # empty lines
WEBSOCKET = b"websocket"
# The fields that offer protocols, and those that are left when one was taken.
OFFERS = frozenset((b"connection", b"upgrade"))
TAKEN = b"connection: upgrade\r\nupgrade: websocket\r\n"
NO_FIELDS: Headers = []  # each head begins a list of its own
ASGI = {"version": "3.0", "spec_version": "2.3"}
# A parser takes a kilobyte, and a microsecond to make: in the place of one whose request waits in
# the queue, or that is done with. It and its protocol hold each other.
NO_PARSER = httptools.HttpRequestParser(object())

# As browsers and tools spell them: those that wait share one of each.
NAMES = {
    spelt: name.encode()
    for name in (
        "accept accept-encoding accept-language authorization cache-control connection "
        "content-length content-type cookie dnt forwarded host if-modified-since if-none-match "
        "origin pragma priority referer sec-fetch-dest sec-fetch-mode sec-fetch-site "
        "sec-fetch-user te traceparent transfer-encoding upgrade-insecure-requests user-agent "
        "x-forwarded-for x-forwarded-host x-forwarded-proto x-request-id"
    ).split()
    for spelt in (name.encode(), name.title().encode())
}
Address = tuple[str, int]


class Side(NamedTuple):
    """What all requests of a connection have in common."""

    scheme: str
    client: Address | None
    server: Address | None
    state: dict[str, object]
    certificate: Certificate | None

    @classmethod
    def of(
        cls, transport: asyncio.Transport, state: dict[str, object], client: Address | None
    ) -> Self:
        """That of this connection; a client that is not known otherwise may have gone already."""
        sock: socket.socket = transport.get_extra_info("socket")
        try:
            client = client or _address(sock.getpeername())
        except OSError:
            client = None
        scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        certificate = of_connection(transport.get_extra_info("peercert"))
        return cls(scheme, client, _own_address(sock.getsockname()), state, certificate)


class Owner(Protocol):
    """Whom a reader tells what has come."""

    def arrived(self, scope: Scope, keep_alive: bool) -> Transaction:
        """The head of a request is complete."""

    def ended(self) -> None:
        """The request whose head has arrived last is complete."""

    def refuse(self, error: GatewayError) -> None:
        """Nothing after this can be understood."""

    def switches(self, protocol: bytes) -> bool:
        """Whether the request may leave HTTP for this protocol."""


class Gone:
    """Implements `Owner` for a reader that has stopped: what it still parses is no request."""

    def arrived(self, scope: Scope, keep_alive: bool) -> Transaction:
        raise EOFError

    def ended(self) -> None:
        """See Owner."""

    def refuse(self, error: GatewayError) -> None:
        """See Owner."""

    def switches(self, protocol: bytes) -> bool:
        return False


GONE = Gone()


class Reader:
    """The parser of one connection, its callbacks (see httptools), and what waits unparsed."""

    __slots__ = (
        "_body_read",
        "_headers",
        "_keeps",
        "_limits",
        "_owner",
        "_parser",
        "_resuming",
        "_side",
        "_stopped",
        "_url",
        "backlog",
        "chunks_left",
        "in_body",
        "overhead",
        "parsing",
        "pipeline",
        "rests",
        "switched",
        "transaction",
    )

    def __init__(self, owner: Owner, limits: ConnectionLimits, side: Side) -> None:
        self._owner = owner
        self._limits = limits
        self._side = side
        self._parser = NO_PARSER
        self._keeps = self.rests = False  # the connection; until more comes, which may be late
        self.backlog = bytearray()  # what came behind a request that waits, unparsed
        self._url = b""
        self._headers = NO_FIELDS
        self._body_read = 0
        self.parsing = self._resuming = self._stopped = False
        self.overhead = Overhead(limits)
        self.chunks_left = TURN  # that may be parsed in this turn of the loop
        self.in_body = False  # the head of `transaction` is complete, its body is not
        self.transaction: Transaction | None = None  # the last whose head has arrived
        self.pipeline: list[Transaction] = []  # those that wait behind the running one
        # The protocol that the last head asks for and can have; nothing is parsed behind that.
        self.switched: bytes | None = None

    # ------------------------------------------------------------ for the connection

    @property
    def is_full(self) -> bool:
        """So much waits that no more should be read."""
        return len(self.backlog) > self._limits.backlog_bytes

    @property
    def is_idle(self) -> bool:
        """Nothing of a request has come that is not complete."""
        return not (self.in_body or self.overhead.in_head or self.pipeline or self.backlog)

    @property
    def has_had_its_turn(self) -> bool:
        """Nothing but the others' turn keeps what waits from being parsed."""
        return bool(self.backlog) and self.chunks_left <= 0 and not self.pipeline

    def receive(self, data: bytes) -> None:
        """Parse in pieces, until a request waits behind another; the rest waits unparsed."""
        at = 0
        if not self.backlog:
            self.parsing, self.chunks_left = True, TURN
            while at < len(data) and self._may_parse():
                piece = data[at : self._end_of_piece(data, at)]
                at += len(piece)
                self._parse(piece)
            self.parsing = False
        if at < len(data) and (self.switched is not None or not self._stopped):
            self.backlog += data[at:] if at else data
            self._parse_backlog()

    def go_on(self) -> None:
        """Parse on: a request was answered since, or the others had their turn."""
        self.chunks_left = TURN
        self._parse_backlog()

    def _parse_backlog(self) -> None:
        if self.parsing:
            return
        self.parsing = True
        while self.backlog and self._may_parse():
            size = self._end_of_piece(self.backlog, 0)
            piece = bytes(self.backlog[:size])
            del self.backlog[:size]
            self._parse(piece)
        self.parsing = False

    def handshake(self) -> bytes:
        """The head that asks for a WebSocket, as its protocol reads it.

        It may have offered others as well (RFC 9110 section 7.8): this one was taken.
        """
        lines = [b"%b: %b\r\n" % field for field in self._headers if field[0] not in OFFERS]
        return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (self._url, b"".join(lines), TAKEN)

    def stop(self) -> None:
        """Drop what is not parsed, parse no more, and tell nobody of what is being parsed."""
        self._stopped, self._owner = True, GONE
        self.backlog.clear()

    def close(self) -> None:
        """The connection is gone: hold nothing that holds it."""
        self.stop()
        self.pipeline.clear()
        self._parser, self.transaction = NO_PARSER, None

    # ------------------------------------------------------------ the parser

    def _may_parse(self) -> bool:
        return not (self.pipeline or self._stopped) and self.chunks_left > 0

    def _end_of_piece(self, data: bytes | bytearray, at: int) -> int:
        if self.in_body:
            return at + self.overhead.body_piece(self._headers, self._body_read)
        end = at + HEAD_PIECE
        if data.count(END, at, end) > HEADS:
            if blank := BLANK.match(data, at):
                return blank.end()
            end = data.find(END, data.find(END, at) + len(END)) + len(END)
        return end

    def _parse(self, piece: bytes) -> None:
        overhead = self.overhead
        if len(piece) > HEAD_PIECE and not self.in_body:  # of empty lines, a few are skipped
            self._owner.refuse(GatewayError(errors.FRAMING, "more than 2 KiB of empty lines"))
            return
        overhead.piece(len(piece), self.in_body)
        before = self.transaction
        if self._parser is NO_PARSER:
            self._parser = _parser(self)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            first = self.transaction is before and TOKEN.fullmatch(piece.partition(b" ")[0])
            kind = errors.NOT_IMPLEMENTED if first else errors.FRAMING
            self._owner.refuse(GatewayError(kind, "this method is not supported"))
        except httptools.HttpParserError as error:
            cause = error.__context__
            kind = errors.VERSION_UNSUPPORTED if str(error) in VERSIONS else errors.FRAMING
            bad = GatewayError(kind, str(error))
            if isinstance(cause, GatewayError):
                bad = cause.with_traceback(None)  # whose frames hold the connection, and it
            self._owner.refuse(bad)
        else:
            if (overhead.in_head or overhead.chunked) and (
                spent := overhead.spent(len(self._headers))
            ):
                self.in_body = spent is errors.FRAMING
                self._owner.refuse(GatewayError(spent))
            elif self.rests and self._keeps and not (overhead.in_head or self.in_body):
                self._parser = NO_PARSER

    def _upgrade(self, unread: bytes) -> None:
        """The parser has stopped behind a head that asks for another protocol."""
        if self.switched is not None:
            self._stopped = True
            self.backlog[:0] = unread
            return
        # RFC 9110 section 7.8: go on with HTTP/1.1; the parser has stopped before the body.
        self._parser = _parser(self)
        framing = framing_lines(self._headers)
        if framing:
            self._resuming = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n" % framing)
            self._resuming = False
        if unread:
            self._parse(unread)

    def _wanted(self) -> bytes | None:
        """The first protocol that the head asks for and this server has, if there is no body."""
        if (
            self._parser.get_method() != b"GET"
            or self._parser.get_http_version() != "1.1"
            or framing_lines(self._headers)
            or b"upgrade" not in connection_options(self._headers)
        ):
            return None
        values = b",".join(value for name, value in self._headers if name == b"upgrade")
        offers = (offer.strip().lower() for offer in values.split(b","))
        return next((offer for offer in offers if self._owner.switches(offer)), None)

    def on_message_begin(self) -> None:
        if not self._resuming:
            self.overhead.message()
            self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        if not self._resuming:
            self._url += url
            if len(self._url) > self._limits.target_bytes:
                raise GatewayError(errors.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers are read and dropped (RFC 9110 section 6.5.1)."""
        if self.in_body:  # so it is of a head that was refused its upgrade, and is parsed again
            return
        # RFC 9112 section 5.1: the parser has only stripped the space before the value; what else
        # counts as space here it has refused.
        self._headers.append((NAMES.get(name) or name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """See httptools. The request can start, or waits behind the one before."""
        if self._resuming:
            return
        fields, parser, overhead = self._headers, self._parser, self.overhead
        count, limits = len(fields), self._limits
        # Nearly all are far from the limit, and need not be measured.
        long = overhead.unread > limits.head_bytes - BODY_PIECE
        if count > limits.fields or (long and size_of(fields) + 4 * count > limits.head_bytes):
            raise GatewayError(errors.HEAD_TOO_LARGE)
        overhead.head()
        if parser.should_upgrade():
            self.switched = self._wanted()
            if self.switched == WEBSOCKET:
                return
        self.in_body, self._body_read = True, 0
        self._keeps = keep_alive = parser.should_keep_alive()
        self.transaction = self._owner.arrived(self._scope(), keep_alive)

    def _scope(self) -> Scope:
        raw_path, _, query = self._url.partition(b"?")
        path = raw_path.decode("latin-1")
        scheme, client, server, state, certificate = self._side
        prack = {"target": self._url, "connection": self._owner}
        if certificate is not None:
            prack["certificate"] = certificate
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": self._parser.get_http_version(),
            "method": self._parser.get_method().decode(),
            "scheme": scheme,
            # As ASGI wants it. The endpoint reads the target itself, whatever form it has.
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": client,
            "server": server,
            "state": state,
            "extensions": {"prack": prack},
        }

    def on_chunk_header(self) -> None:
        self.chunks_left -= 1
        self.overhead.chunk()

    def on_body(self, body: bytes) -> None:
        self._body_read += len(body)
        self.overhead.body(len(body))
        if self.transaction is not None:
            self.transaction.take(body)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade() and not self._resuming:
            if self.switched == WEBSOCKET or framing_lines(self._headers):
                return  # a body comes by way of _upgrade
        self.in_body = False
        self._url, self._headers = b"", NO_FIELDS  # who waits, waits without them
        if self.transaction is not None:
            self.transaction.end()
        self._owner.ended()


def _parser(reader: Reader) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(reader)
    # Requests behind one that asks for the end are dropped, not refused.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _address(name: object) -> Address | None:
    """Of an internet socket; those of UNIX have none."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


_own_address = lru_cache(maxsize=64)(_address)  # all connections of a port have one
