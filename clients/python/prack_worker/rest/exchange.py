"""One exchange over REST: a small response is delivered as a whole, any other as it comes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from prack_worker.exchange import AbortCode, Exchange, Headers, as_field
from prack_worker.request import Request, RequestBody

# What is larger costs both sides more in JSON than in a call of its own.
MAX_WHOLE = 64 * 1024
# How long the end of a response is waited for: middleware hands it over in several turns of the
# event loop, and two calls of which one is for many cost less than one for each.
GATHER_SECONDS = 0.005
# Bytes of a stream that the application may be ahead: each hand-over to the link has its price.
MAX_AHEAD = 128 * 1024


class Outlet(Protocol):
    """Where the ends of exchanges go."""

    def answer(self, exchange: RestExchange, response: bytes) -> None:
        """Deliver a response, an entry of `POST /response`."""

    def stream(self, exchange: RestExchange, head: bytes, size: int) -> None:
        """Deliver this head of a message, then what the exchange feeds; in all `size` bytes.

        With a `size` of -1 it ends when the exchange says so.
        """

    def abort(self, exchange: RestExchange, code: AbortCode, message: str) -> None:
        """Give a request back, or say that it failed."""


class RestExchange(Exchange):
    """An exchange whose response is delivered by an outlet.

    Attributes:
        identifier: names this lease of the exchange; what the API wants to hear.
        sent: the application has handed over all of its response.
    """

    __slots__ = (
        "_changed",
        "_gathering",
        "_headers",
        "_outlet",
        "_parts",
        "_size",
        "_streamed",
        "identifier",
        "sent",
    )

    def __init__(self, identifier: str, request: Request, body: bytes, outlet: Outlet) -> None:
        super().__init__(request, RequestBody(body, end=True))
        self.identifier = identifier
        self.sent = False
        self._outlet = outlet
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._gathering: asyncio.TimerHandle | None = None
        self._streamed = False
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """See Exchange."""
        return self._size

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        self._check_open()
        self._check_status(status)
        if status < 200:
            return  # an answer over REST is one response
        self._headers = [as_field(name, value) for name, value in headers]
        self._begin(status)
        if not end:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER_SECONDS, self._stream)
        if body or end:
            await self.send_body(body, end)

    async def send_body(self, data: bytes, end: bool = False) -> None:
        self._check_open()
        if data and not self._bodiless:
            self._size += len(data)
            self._parts.append(b"" + data)  # fails now, not as it is sent, if it is not of bytes
        self.sent = end
        if self._size > MAX_WHOLE and not self._streamed:
            self._stream()
            self._check_open()
        if end:
            self._end()
            if not self._streamed:
                self._outlet.answer(self, self._encode())
        elif self._streamed:
            self._changed.set()
            while sum(map(len, self._parts)) > MAX_AHEAD:
                await self._change()
                self._check_open()

    def abort(self, code: AbortCode, message: str) -> None:
        if not self.ended:
            self._end()
            self._outlet.abort(self, code, message)

    async def feed(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand over the body as the application sends it; returns at its end, or nobody waits."""
        while self.sent or not self._is_over():
            if self._parts:
                data = b"".join(self._parts)
                self._parts.clear()
                self._changed.set()
                await send(data)
            elif self.sent:
                return
            else:
                await self._change()

    def _stream(self) -> None:
        """The response is large, or its end is not in sight."""
        self._gather_no_more()
        for name, value in self._headers:
            if b"\n" in name or b":" in name or b"\n" in value:  # they would be other fields
                self.abort(AbortCode.HANDLER_ERROR, f"{name[:64]!r} is not a valid header field")
                return
        self._streamed = True
        lines = b"".join(b"%b: %b\r\n" % field for field in self._headers)
        head = b"HTTP/1.1 %d \r\n%b\r\n" % (self.status, lines)
        self._outlet.stream(self, head, len(head) + self._size if self.sent else -1)

    def _close(self) -> None:
        super()._close()
        self._gather_no_more()
        self._changed.set()

    def _gather_no_more(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _encode(self) -> bytes:
        """Base64 needs no escapes, so the body does not pass through the JSON encoder."""
        head = {
            "identifier": self.identifier,
            "code": self.status,
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in self._headers
            ],
        }
        body = base64.b64encode(b"".join(self._parts))
        self._parts.clear()
        return b'%b,"body":"%b"}' % (json.dumps(head)[:-1].encode(), body)


def to_request(item: dict[str, Any], number: int, now: float) -> tuple[Request, bytes]:
    """The request and the body of one entry of a poll; `now` is when it came.

    Raises:
        KeyError, TypeError, ValueError: the entry is not what docs/rest.md says.
    """
    environment = item["environment"]
    headers = environment["prack.headers"]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    address = environment.get("REMOTE_ADDR")
    request = Request(
        id=number,
        request_id=environment["prack.request_id"],
        method=environment["REQUEST_METHOD"],
        scheme=environment["rack.url_scheme"],
        authority=next((value for name, value in headers if name == "host"), ""),
        target=environment["prack.target"].encode("latin-1"),
        http_version=environment["SERVER_PROTOCOL"].removeprefix("HTTP/"),
        headers=pairs,
        client=(address, int(environment.get("REMOTE_PORT") or 0)) if address else None,
        deadline=now + environment["prack.deadline_ms"] / 1000,
        attempt=environment["prack.attempt"],
    )
    try:
        return request, base64.b64decode(environment.get("body") or "")
    except binascii.Error as error:
        raise ValueError(f"the body is not base64: {error}") from error
