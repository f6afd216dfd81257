"""The WebSocket protocol class of the public port: uvicorn's, with the ends that a gateway needs.

Rules more: a client that takes nothing of what it is sent is reset, so that it gives back its
worker's slot; one that broke a rule can read which, whatever else it is sending; nothing is parsed
that nobody takes, for a few compressed bytes may be megabytes, nor while the client does not take
what it is sent; so many frames are parsed in one turn of the loop, and no more are read meanwhile;
and what comes before the handshake is answered (against RFC 6455 section 4.1) is read after it.
"""

import asyncio
import codecs
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets import http11
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame
from websockets.http11 import Request

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import MIB, PIECE
from prack_grpc.gateway.http.admission import Place
from prack_grpc.gateway.http.closing import Closing
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.http.timeouts import Timeout
from prack_grpc.gateway.http.transaction import refusal
from prack_grpc.gateway.request.head import WEBSOCKET_FIELDS, WEBSOCKET_LINE
from prack_grpc.gateway.websocket.cutter import Cutter
from prack_grpc.gateway.websocket.inflating import GO_ON, RATIO, Factory, Inflating
from prack_grpc.gateway.websocket.tunnel import Tunnel

# The guard has measured the head, as it does any other; the library's limits are lower.
http11.MAX_LINE_LENGTH, http11.MAX_NUM_HEADERS = WEBSOCKET_LINE, WEBSOCKET_FIELDS
# Frames of one client that are parsed in one turn of the loop: with all that follows from them,
# some tenths of a millisecond. So is a piece of a compressed one.
TURN = 8
# So many frames that carry nothing, control frames among them, within so many seconds are a flood;
# and so many bytes that were hardly sent.
MAX_EMPTY, MAX_SURPLUS, FLOOD_SECONDS = 1000, 16 * MIB, 10.0
# RFC 6455 section 4.2.2: a client that speaks another version is told which it can have.
VERSION = (b"sec-websocket-version", b"13")
UTF8 = codecs.getincrementaldecoder("utf-8")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One client's WebSocket. Leaves its `place` when it is gone."""

    _closing: Closing  # from the connection's first moment on

    def __init__(
        self,
        config: Config,
        server: HttpServer,
        client: tuple[str, int] | None,
        place: Place,
    ) -> None:
        shared = ServerState()  # uvicorn's own; that of `server` has connections of requests too
        shared.tasks = server.tasks
        super().__init__(config, shared, server.state)
        self.conn.available_extensions = [Factory()]
        self._inflating: Inflating | None = None
        self.http = server
        self._client = client
        self._place = place
        self._unread = bytearray()
        self._cutter = Cutter()
        self._message = bytearray()  # that has begun
        self._utf8: codecs.IncrementalDecoder | None = None  # of a text
        self._cutter.budget = TURN
        self._has_head = False
        self._waits = False  # for its next turn
        self._counted_from = self.loop.time()  # floods
        self._broken = False  # a rule: what comes is dropped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.client = self._client
        self.http.connections.add(self)
        self._timeout = Timeout(self.loop, lambda _: self._closing.late())
        self._closing = Closing(self.loop, self.transport, self.http.limits, self._timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timeout.cancel()
        self._closing.cancel()
        self._drop()
        self.http.connections.discard(self)
        self._place.leave()
        super().connection_lost(exc)
        # It holds itself, and with it all of the connection, zlib's memory before all. The garbage
        # collector would be late, as it counts objects and not their size.
        self.conn.parser.close()
        self.conn.parser_exc = None

    def abort(self) -> None:
        """End it now."""
        self.transport.abort()

    def tunnel(self, headers: Headers) -> Tunnel:
        """Answer the handshake with these fields; from now on a worker speaks with the client."""
        self.handshake_complete = True
        received = bytes(self._unread)
        self._drop()
        tunnel = Tunnel(
            self.transport, self._place.client, self._closing, self.http.turns, self, received
        )
        if not self.disconnected:
            lines = [b"%b: %b\r\n" % field for field in headers]
            self.transport.write(b"".join([SWITCHING, *lines, b"\r\n"]))
            self.transport.set_protocol(tunnel)
        return tunnel

    def linger(self) -> None:
        """End the connection once the client has what is unsent."""
        self._closing.close(half=True)
        # As after a close of the application's: until then nothing else closes the transport.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. What comes after a broken rule is dropped."""
        if not self._has_head:  # which the guard has read, whole
            self._has_head = True
            self.http.turns.wait(partial(self._shake_hands, data), self._place.client)
        elif self._broken:
            self._wait()  # dropping takes its time, too
            self._read_on()
        else:
            self._unread += data
            self._parse()
        if self._is_early() and len(self._unread) > self.http.limits.backlog_bytes:
            self.transport.abort()

    def _shake_hands(self, head: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(head)

    async def receive(self) -> Any:
        """The next ASGI event."""
        message = await super().receive()
        self._parse()
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:  # type: ignore[override]
        """Take one ASGI event. Whoever has not heard yet that we closed it speaks to nobody."""
        await self.writable.wait()
        if self.disconnected or not self.close_sent:
            await super().send(message)  # type: ignore[arg-type]
        self._parse()

    def pause_writing(self) -> None:
        """See asyncio.Protocol. The client has as long as it takes bytes."""
        super().pause_writing()
        self._closing.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._closing.unwatch()
        self._parse()

    def keepalive_timeout(self) -> None:
        """See uvicorn's class. A client that is not there takes nothing either."""
        super().keepalive_timeout()
        self._closing.watch()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """See uvicorn's class. The transport is closed, or will be, once all of this is taken."""
        super().on_task_complete(task)
        del self.scope["extensions"]["prack"]["tunnel"]  # or it would hold itself
        if not self.disconnected:
            self._closing.watch()

    def handle_connect(self, event: Request) -> None:
        """See uvicorn's class, which refuses a handshake in words of its own."""
        try:
            self.conn.process_request(event)
        except InvalidHandshake as reason:
            error = GatewayError(errors.BAD_REQUEST, f"not a valid WebSocket handshake: {reason}")
            request_id, answer = refusal(error, VERSION)
            self.transport.write(answer)
            self.http.access.refused(error, request_id, self.client)
            self.handshake_initiated = self.close_sent = True
            self._closing.close(half=True)
        else:
            super().handle_connect(event)
            for extension in self.conn.extensions:
                if isinstance(extension, Inflating):
                    self._inflating = extension
            # As of a request, see PublicApp; the application has not begun yet.
            about: dict[object, object] = {"target": event.path.encode(), "tunnel": self.tunnel}
            self.scope["extensions"]["prack"] = about

    def handle_text(self, event: Frame) -> None:
        """See uvicorn's class, which looks at a text when it is whole, and keeps all fragments."""
        self._utf8 = UTF8()
        self._take(event)

    def handle_bytes(self, event: Frame) -> None:
        self._utf8 = None
        self._take(event)

    def handle_cont(self, event: Frame) -> None:
        self._take(event)

    def _take(self, event: Frame) -> None:
        """A fragment of a message; of a text, it must go on with one (RFC 6455 section 8.1)."""
        if self._broken:
            return  # it was parsed together with what broke the rule
        try:
            if self._utf8 is not None:
                self._utf8.decode(event.data, event.fin)
        except UnicodeDecodeError:
            self.conn.fail(1007)  # a close that came behind it may have been answered already
            self.handle_parser_exception()
            return
        whole = event.fin and not self._message
        if not whole:
            self._message += event.data
        if event.fin:
            data = bytes(event.data) if whole else bytes(self._message)
            self._message.clear()
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        """To the application, a text as it came; after our close to nobody."""
        if self.close_sent:
            return
        kind = "bytes" if self._utf8 is None else "utf-8"
        event: Any = {"type": "websocket.receive", kind: data}
        self.queue.put_nowait(event)
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def handle_ping(self) -> None:
        """See uvicorn's class. Nothing is written behind our close."""
        if not self._broken:
            super().handle_ping()

    def handle_parser_exception(self) -> None:
        """See uvicorn's class, which closes at once: with unread bytes that would be a reset."""
        self._broken = True
        self._drop()
        close = self.conn.close_sent
        if close is None:
            self.transport.abort()  # it broke a rule before there was a WebSocket
            return
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.linger()

    def _is_early(self) -> bool:
        return self._has_head and not self.handshake_complete

    def _parse(self) -> None:
        """Go on, until there is something to be taken, or others have their turn."""
        while self._may_parse():
            piece = self._next_piece()
            if not piece:
                self._wait()
                break
            if flood := self._flood():
                self.conn.fail(1008, flood)
                self.handle_parser_exception()
            else:
                super().data_received(piece)
        self._read_on()

    def _may_parse(self) -> bool:
        waits = self.read_paused or self._is_early() or not self.writable.is_set()
        return not waits and (bool(self._unread) or self._is_behind())

    def _is_behind(self) -> bool:
        """A message is not yet unpacked, and somebody still wants it."""
        behind = self._inflating is not None and self._inflating.behind
        return behind and not self.transport.is_closing()

    def _next_piece(self) -> bytes:
        """What may be parsed now."""
        cutter = self._cutter
        if inflating := self._inflating:
            cutter.budget -= round(TURN * inflating.work)
            inflating.work = 0.0
        if self._is_behind():
            cutter.budget -= 1
            return GO_ON if cutter.budget >= 0 else b""
        if cutter.budget <= 0:
            return b""
        piece = bytes(self._unread[:PIECE])
        size = cutter.cut(piece)
        cutter.budget -= TURN * size // PIECE
        del self._unread[:size]
        return piece[:size]

    def _read_on(self) -> None:
        """Read only when all is parsed that was read; before the handshake there is a bound."""
        if self.transport.is_closing() or self._is_early():
            return
        if self._unread or self._waits:
            self.transport.pause_reading()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _wait(self) -> None:
        """Go on, and read on, when it is this connection's turn again."""
        if not self._waits:
            self._waits = True
            turns = self.http.unpackings if self._is_behind() else self.http.turns
            turns.wait(self._begin_turn, self._place.client)

    def _begin_turn(self) -> None:
        self._waits = False
        self._cutter.budget = TURN
        self._parse()

    def _flood(self) -> str:
        """What there is too much of."""
        if self._cutter.empty > MAX_EMPTY:
            found = "too many frames that carry nothing"
        elif self._inflating and self._inflating.surplus > MAX_SURPLUS:
            found = f"too many bytes that were compressed to less than 1/{RATIO}"
        else:
            return ""
        began, self._counted_from = self._counted_from, self.loop.time()
        self._cutter.empty = 0
        if self._inflating:
            self._inflating.surplus = 0
        return found if self._counted_from - began < FLOOD_SECONDS else ""

    def _drop(self) -> None:
        """Nothing more is parsed."""
        self._unread.clear()
        self._inflating = None


def settings(app: ASGIApp, max_size: int) -> Config:
    """What uvicorn's class goes by; `max_size` is that of a message."""
    config = Config(
        app, log_config=None, proxy_headers=False, server_header=False, ws_max_size=max_size
    )
    config.load()
    return config
