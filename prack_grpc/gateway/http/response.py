"""One request and its response on a connection: uvicorn's cycle with framing of our own.

uvicorn answers HTTP/1.0 clients in chunks, which they cannot read, and checks headers again that
the core has checked.
"""

import asyncio
import http
import logging
import secrets
from collections.abc import Callable, MutableMapping, Sequence
from functools import cached_property
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.request.problem import problem

log = logging.getLogger(__name__)

STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, http.HTTPStatus(status).phrase.encode())
    for status in map(int, http.HTTPStatus)
}

# Pieces of a request body from this size on are not copied; smaller ones are collected up to that,
# which is what one event to a worker may hold.
LARGE, COLLECTED = 32 * KIB, 64 * KIB

Fields = Sequence[tuple[bytes, bytes]]


def refusal(error: GatewayError, *fields: tuple[bytes, bytes]) -> tuple[str, bytes]:
    """An answer in the place of any other, the last of its connection; and the request's id."""
    request_id = secrets.token_hex(16)
    status, headers, body = problem(error, request_id, close=True)
    lines = _lines([*headers, *fields])
    return request_id, b"".join((STATUS_LINES[status], *lines, b"\r\n", body))


class Cycle(RequestResponseCycle):
    """Sends well-formed responses (RFC 9112 section 6); the caller has checked the headers."""

    def __init__(
        self,
        scope: dict[str, Any],
        transport: asyncio.Transport,
        flow: FlowControl,
        keep_alive: bool,
        expects: bool,
        on_response: Callable[[], None],
    ) -> None:
        # Not what uvicorn's does, which is made for more than is used here and costs 2 us.
        self.scope = scope  # type: ignore[assignment]
        self.transport = transport
        self.flow = flow
        self.logger = log
        self.on_response = on_response
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects
        self.body = b""  # type: ignore[assignment]
        self.more_body = True
        self.unread = 0  # bytes of the request body
        self._pieces: list[bytes | bytearray] = []
        self._news = False
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding: bool = False
        self.framed = False  # the client can tell where the body ends without the connection's end
        self._unsent = b""  # the head, until its first piece of body (an ASGI server has to wait)

    @cached_property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when more of the request is here, or its end. Few requests are ever waited for."""
        event = asyncio.Event()
        if self._news:
            event.set()
        return event

    def respond(self, status: int, headers: Fields, body: bytes) -> None:
        """The whole response at once. The caller has seen that the client reads."""
        self._head(status, headers)
        self._body(body, False, ())

    def take(self, piece: bytes) -> None:
        """A piece of the request body is here. Small ones are collected, large ones not copied."""
        self.unread += len(piece)
        last = self._pieces[-1] if self._pieces else b""
        if len(piece) >= LARGE:
            self._pieces.append(piece)
        elif isinstance(last, bytearray) and len(last) + len(piece) <= COLLECTED:
            last += piece
        else:
            self._pieces.append(bytearray(piece))
        if self.unread > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.wake()

    def end(self) -> None:
        """The request body is complete."""
        self.more_body = False
        self.wake()

    def peek(self) -> bytes:
        """The part of the request body that nobody has received yet."""
        return b"".join(self._pieces)

    def wake(self) -> None:
        """Something has changed for who receives."""
        self._news = True
        if "message_event" in self.__dict__:
            self.message_event.set()

    async def receive(self) -> Any:
        """The next ASGI event; waits only while nothing is here."""
        if not self._pieces or self.disconnected or self.response_complete:
            message = await super().receive()
            if message["type"] == "http.disconnect" or not self._pieces:
                return message
        piece = bytes(self._pieces.pop(0))
        self.unread -= len(piece)
        if not self._pieces:
            self.message_event.clear()
        more = self.more_body or bool(self._pieces)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: MutableMapping[str, Any]) -> None:  # type: ignore[override]
        """Take one ASGI event. Waits while the client does not read."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            self._body(message["body"], message["more_body"], message.get("trailers", ()))
        elif message["status"] < 200:
            self._interim(message["status"], message["headers"])
        else:
            self._head(message["status"], message["headers"])

    def _interim(self, status: int, headers: Fields) -> None:
        """A head before the final one, for clients that know of them (RFC 9110 section 15.2)."""
        if self.scope["http_version"] != "1.0":
            parts = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, *_lines(headers)]
            self.transport.write(b"".join((*parts, b"\r\n")))

    def _head(self, status: int, headers: Fields) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        self.framed = self.scope["method"] == "HEAD" or status in (204, 304)
        parts = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            if name == b"connection":
                self.keep_alive = False  # only the gateway sets it, and only to close
                continue
            parts += (name, b": ", value, b"\r\n")
            self.framed = self.framed or name == b"content-length"
        old = self.scope["http_version"] == "1.0"
        self.chunked_encoding = not self.framed and not old
        if self.chunked_encoding:
            parts.append(b"transfer-encoding: chunked\r\n")
        # An old client takes the end of the connection for the end of a body without a length.
        self.keep_alive = self.keep_alive and (self.framed or not old)
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        elif old:
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        self._unsent = b"".join(parts)

    def _body(self, body: bytes, more: bool, trailers: Fields) -> None:
        """One write an event: a small response is one packet, its head and its body."""
        parts = [self._unsent]
        self._unsent = b""
        if self.chunked_encoding:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts += (b"0\r\n", *_lines(trailers), b"\r\n")
        elif self.scope["method"] != "HEAD":
            parts.append(body)
        if data := b"".join(filter(None, parts)):  # a join of one part copies nothing
            self.transport.write(data)
        if not more:
            self.response_complete = True
            self.wake()
            self.on_response()


def _lines(fields: Fields) -> list[bytes]:
    return [b"%b: %b\r\n" % field for field in fields]
