"""How a response is written (RFC 9112 section 6). Its headers were checked before."""

import asyncio
import http
import secrets
from collections.abc import Iterable
from typing import Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.gateway.request.problem import problem

STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, http.HTTPStatus(status).phrase.encode())
    for status in map(int, http.HTTPStatus)
}

Fields = Iterable[tuple[bytes, bytes]]


def refusal(error: GatewayError, *fields: tuple[bytes, bytes]) -> tuple[str, bytes]:
    """An answer in the place of any other, the last of its connection; and the request's id."""
    request_id = secrets.token_hex(16)
    status, headers, body = problem(error, request_id, close=True)
    lines = _lines([*headers, *fields])
    return request_id, b"".join((STATUS_LINES[status], *lines, b"\r\n", body))


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
        self._unsent = b""  # the head, until its first piece of body (an ASGI server has to wait)

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
        """The final head. It is written with what comes next of the body."""
        self.started = True
        framed, keep_alive = self._bodiless or status in (204, 304), self.keep_alive
        parts = [_status_line(status)]
        for name, value in headers:
            if name == b"connection" and value.lower() == b"close":
                keep_alive = False
                continue
            parts += (name, b": ", value, b"\r\n")
            framed = framed or name == b"content-length"
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
        self._unsent = b"".join(parts)

    def body(self, body: bytes, more: bool, trailers: Fields = ()) -> None:
        """A piece of the body; with no `more` the response is complete."""
        parts = [self._unsent] if self._unsent else []
        self._unsent = b""
        if self._chunked:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts += (b"0\r\n", *_lines(trailers), b"\r\n")
        elif body and not self._bodiless:
            parts.append(body)
        if data := b"".join(parts):  # a join of one part copies nothing
            self._transport.write(data)
        if not more:
            self.complete = True
            self._asker.answered()


def _status_line(status: int) -> bytes:
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def _lines(fields: Fields) -> list[bytes]:
    return [b"%b: %b\r\n" % field for field in fields]
