"""The HTTP/1.1 protocol class of the public port: uvicorn's, with what a gateway needs more.

House rules: every wait for the client has a time-out; every size has a limit; an answer to a bad
request never overtakes the answer to the request before it; a client that leaves is noticed at
once, whatever it has left behind; a response that is not complete never looks so.
"""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.fields import TOKEN
from prack_grpc.gateway.admission import Admission, Place, Verdict
from prack_grpc.gateway.budget import Budget
from prack_grpc.gateway.cycle import Cycle, refusal
from prack_grpc.gateway.exit import Exit
from prack_grpc.gateway.head import fits_websocket, framing_lines
from prack_grpc.gateway.limits import GuardLimits
from prack_grpc.gateway.pieces import HEAD_PIECE, body_piece
from prack_grpc.gateway.waiting import Phase, Waiting
from prack_grpc.telemetry.access import refused

# What the parser says of versions that are well-formed, and of the preface of HTTP/2.
VERSIONS = frozenset(("Invalid HTTP version", "Pause on PRI/Upgrade"))
PAUSE_SECONDS = 1.0

# Called when the request cannot go on: with an error for the client, or None when it has gone.
OnLost = Callable[[GatewayError | None], None]


class Guard(HttpToolsProtocol):
    """Adds `scope["extensions"]["prack"]`: `target` as sent, and this object as `connection`."""

    limits: ClassVar[GuardLimits] = GuardLimits()
    admission: ClassVar[Admission] = Admission(limits, exempt=lambda _: False)
    cycle: Cycle  # this class puts no other in
    _exit: Exit  # from the connection's first moment on
    _place: Place

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_lost: OnLost | None = None
        self._running: Cycle | None = None
        self._refusal: GatewayError | None = None
        self._backlog = bytearray()
        self._waiting = Waiting(self.loop, self._late)
        self._silent = True
        self._head_size = 0
        self._budget = Budget(self.limits)
        self._in_body, self._body_read = False, 0
        self._resuming = False

    # ------------------------------------------------------------ for the endpoint

    def watch(self, on_lost: OnLost | None) -> None:
        """Call this when the request cannot go on; the endpoint sets and clears it."""
        self._on_lost = on_lost
        if on_lost is not None and self.transport.is_closing():
            on_lost(None)

    def cut(self) -> None:
        """End the connection so that the client cannot take the response for complete."""
        running = self._running
        if running is not None:
            running.disconnected = True
        if running is None or (running.scope["http_version"] == "1.0" and not running.framed):
            self._exit.reset()
        else:
            self._close()

    # ------------------------------------------------------------ the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._exit = Exit(self.loop, transport, self.limits, self._waiting)
        self._waiting.start(Phase.HEAD, self.limits.head_seconds)
        self._place = self.admission.enter(transport, self.client, len(self.connections))
        if self._place.verdict is Verdict.CUT:
            transport.abort()
        elif self._place.verdict is Verdict.REFUSED:
            self._refusal = GatewayError(errors.TOO_MANY_CONNECTIONS)
            self._answer(self._refusal, logged=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The running request is told; those behind it never start."""
        self._waiting.cancel()
        self._exit.cancel()
        self._place.leave()
        self.pipeline.clear()
        self._backlog.clear()
        if self._busy():
            self._lose(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._silent = False
        if self._refusal is not None or self._waiting.phase is Phase.LINGER:
            return
        now = self.loop.time()
        if self._in_body and not self.pipeline:
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
            if self._budget.too_slow(now):
                self._refuse(GatewayError(errors.REQUEST_TIMEOUT, "the body came too slowly"))
                return
        self._parse(data)
        if self.flow.read_paused:
            self._waiting.start(Phase.PAUSED, PAUSE_SECONDS)

    def pause_writing(self) -> None:
        """See asyncio.Protocol. The client has as long as it takes bytes."""
        super().pause_writing()
        self._exit.watch()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._exit.unwatch()

    def shutdown(self) -> None:
        """The server stops: an idle connection ends now, a busy one after its response."""
        if self._running is not None and self._busy():
            self._running.keep_alive = False
        else:
            self._close()

    def _busy(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _close(self, half: bool = False) -> None:
        self.flow.resume_reading()
        self._exit.close(half or self._in_body)

    # ------------------------------------------------------------ time-outs and refusals

    def _late(self, phase: Phase) -> None:
        """The client took too long for this."""
        if phase is Phase.LINGER:
            self._exit.late()
        elif phase is Phase.PAUSED:
            self._look()
        elif phase is Phase.BODY and self._owes_continue():
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        elif phase is Phase.NEXT or self._silent:
            self._close()
        else:
            self._refuse(GatewayError(errors.REQUEST_TIMEOUT, f"the {phase.value} took too long"))

    def _look(self) -> None:
        """We do not read, so that only a look shows whether the client is still there."""
        self._budget.restart(self.loop.time())
        if self.flow.read_paused and self._exit.gone():
            self.transport.abort()
        elif self.flow.read_paused:
            self._waiting.start(Phase.PAUSED, PAUSE_SECONDS)
        elif self._in_body and self._busy():
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        else:
            self._waiting.start(Phase.NOTHING, 0)

    def _owes_continue(self) -> bool:
        return self._running is not None and self._running.waiting_for_100_continue

    def _refuse(self, error: GatewayError) -> None:
        """Answer a request that cannot go on, after those before it, and end the connection."""
        self._refusal = error
        if self._in_body and self.cycle is self._running:
            self._lose(error)
        elif self._in_body and self.pipeline:
            self.pipeline.popleft()
        elif not self._busy():
            self._answer(error)

    def _lose(self, error: GatewayError | None) -> None:
        """The running request cannot go on."""
        if self._on_lost is not None:
            self._on_lost(error)
        elif self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
            if error is not None:
                self._answer(error)

    def _answer(self, error: GatewayError, logged: bool = True) -> None:
        request_id, answer = refusal(error)
        self.transport.write(answer)
        self._close(half=True)
        if logged:
            refused(error, request_id, self.client)

    # ------------------------------------------------------------ parsing

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
        return (
            self.parser.should_upgrade()
            and self.ws_protocol_class is not None
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self._get_upgrade() == b"websocket"
            and not framing_lines(self.headers)
        )

    def _hand_over(self, rest: bytes) -> None:
        """The connection is a WebSocket's from now on."""
        if self._busy() or self.pipeline:
            message = "an upgrade must not come before the responses that are owed"
            self._refuse(GatewayError(errors.BAD_REQUEST, message))
            return
        if not fits_websocket(self.headers):
            self._refuse(GatewayError(errors.HEAD_TOO_LARGE))
            return
        self._waiting.cancel()
        self.scope["method"] = "GET"
        self.handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        self._place.hand_over(protocol)
        if rest and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(rest)

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
            self._head_size = 0
            self._budget.message()
            if not self._busy():
                self._waiting.start(Phase.HEAD, self.limits.head_seconds)
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        if not self._resuming:
            super().on_url(url)
            if len(self.url) > self.limits.target_bytes:
                raise GatewayError(errors.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers are read and dropped (RFC 9110 section 6.5.1)."""
        if self._resuming:
            return
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self.limits.head_bytes or len(self.headers) >= self.limits.fields:
            raise GatewayError(errors.HEAD_TOO_LARGE)
        if not self._in_body:
            # RFC 9112 section 5.1: the parser has only stripped the space before the value.
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Start the request, or let it wait behind the one before."""
        if self._resuming or self._is_websocket():
            return
        # The endpoint reads the target itself: uvicorn's parser knows only some of its forms.
        path, _, query = self.url.partition(b"?")
        self.scope.update(  # type: ignore[call-arg]
            method=self.parser.get_method().decode("ascii"),
            http_version=self.parser.get_http_version(),
            path=path.decode("latin-1"),
            raw_path=path,
            query_string=query,
            extensions={"prack": {"target": self.url, "connection": self}},
        )
        self._in_body, self._body_read = True, 0
        self._budget.head(self._head_size + len(self.url), self.loop.time())
        self.cycle = cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and self.scope["http_version"] != "1.0",
            keep_alive=self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._busy():
            self.pipeline.appendleft((cycle, self.app))
        else:
            self._run(cycle)

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
        if self._is_websocket():
            return
        if self.parser.should_upgrade() and not self._resuming and framing_lines(self.headers):
            return  # the body comes by way of _ignore_upgrade
        self._in_body = False
        if not self._busy():
            self._waiting.start(Phase.NEXT, self.limits.keep_alive_seconds)
        elif self.cycle is self._running:
            self._waiting.start(Phase.NOTHING, 0)
        super().on_message_complete()

    # ------------------------------------------------------------ one request after the other

    def _run(self, cycle: Cycle) -> None:
        self._running = cycle
        if self._in_body:
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        self._start_asgi_task(cycle, self.app)

    def on_response_complete(self) -> None:
        """The running request is answered: go on with the next, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._running is not None and not self._running.keep_alive:
            self._close()
            return
        if self.pipeline:
            cycle, _ = self.pipeline.pop()
            assert isinstance(cycle, Cycle)  # noqa: S101 - this class puts no other in
            self._run(cycle)
        elif self._refusal is not None:
            self._answer(self._refusal)
        else:
            self._waiting.start(Phase.NEXT, self.limits.keep_alive_seconds)
        self._go_on()

    def _go_on(self) -> None:
        """Parse what came in meanwhile."""
        self.flow.resume_reading()
        while self._backlog and not self.pipeline and self._refusal is None:
            data = bytes(self._backlog)
            self._backlog.clear()
            self._parse(data)


def guard(limits: GuardLimits, admission: Admission) -> type[Guard]:
    """A Guard with these limits, for uvicorn's `Config(http=...)`."""
    return type("Guard", (Guard,), {"limits": limits, "admission": admission})
