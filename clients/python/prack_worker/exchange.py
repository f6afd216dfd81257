"""The worker's side of one exchange: one request in, one response out, over any transport.

House rules, which every transport keeps:
- an exchange ends once: by the last byte of its response, or by `abort`;
- after `cancel` every read and write raises `ClientDisconnected`, and only `abort` is left;
- everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import ClassVar

from prack_worker.errors import ClientDisconnected, ResponseRefused
from prack_worker.request import Request, RequestBody

Headers = Iterable[tuple[bytes, bytes]]
BYTES = bytes, bytearray, memoryview


class AbortCode(IntEnum):
    """Why an exchange ends without a complete response (proto/README.md, section 4.7)."""

    REFUSED = 1
    HANDLER_ERROR = 2
    OVERLOADED = 3
    CANCELLED = 4
    TIMED_OUT = 5
    UNSUPPORTED = 6


class CancelReason(IntEnum):
    """Why nobody waits any more; the values but the last are the protocol's."""

    UNSPECIFIED = 0
    CLIENT_GONE = 1
    DEADLINE = 2
    BAD_RESPONSE = 3
    SHUTDOWN = 4
    REQUEST_CUT = 5
    GATEWAY_LOST = 100

    @classmethod
    def of(cls, value: int) -> CancelReason:
        """The reason for a number of the wire; one from a newer minor is UNSPECIFIED."""
        return cls(value) if value in cls._value2member_map_ else cls.UNSPECIFIED


# RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5.
BODILESS = frozenset((204, 205, 304))


class Exchange(ABC):
    """One request and the response it is owed.

    Attributes:
        request: what the client sent.
        body: the reader of the request's body.
        cancelled: why nobody waits any more; None while somebody does.
        ended: the response is complete, or the exchange was aborted.
        status: of the response; 0 before its head.
        on_cancel: called once, when the exchange is cancelled.
        on_end: called with the exchange, once, when it has ended.
        draining: the worker stops; what lasts until somebody ends it should end now.
        on_drain: called once, when the worker stops.
        extras: early hints (heads with a status of 102 to 199) and trailers reach the client.
    """

    __slots__ = (
        "_bodiless",
        "_over",
        "body",
        "cancelled",
        "draining",
        "ended",
        "on_cancel",
        "on_drain",
        "on_end",
        "request",
        "status",
    )
    extras: ClassVar[bool] = False

    def __init__(self, request: Request, body: RequestBody) -> None:
        self.request = request
        self.body = body
        self.cancelled: CancelReason | None = None
        self.ended = False
        self.status = 0
        self.on_cancel: Callable[[], object] = _nothing
        self.on_end: Callable[[Exchange], object] = _nothing
        self.draining = False
        self.on_drain: Callable[[], object] = _nothing
        self._bodiless = False
        self._over: asyncio.Event | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of the response's body that have left, or are about to."""

    async def receive_body(self) -> tuple[bytes, bool]:
        """The next piece of the request's body, and whether it is the last one.

        Raises:
            ClientDisconnected: nobody waits any more.
        """
        return await self.body.read()

    @abstractmethod
    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        """Send the head with the first part of the body; with `end` it is the whole response.

        Waits while the gateway takes no more body bytes. What was handed over is sent in order,
        also when the caller gives up waiting or somebody else sends meanwhile. A head with a
        status of 102 to 199 may come before the final one; it has no body. The body of an answer
        to HEAD, or with 204, 205 or 304, is dropped here (proto/README.md, section 4.12).

        Raises:
            ClientDisconnected: nobody waits any more.
            ResponseRefused: the head or the body is larger than the transport takes, or the head
                is none of HTTP.
        """

    @abstractmethod
    async def send_body(self, data: bytes, end: bool = False) -> None:
        """Send more of the body; waits and raises as `send_head`."""

    async def send_trailers(self, trailers: Headers) -> None:
        """End the response with trailer fields, which are dropped where there are no `extras`."""
        await self.send_body(b"", end=True)

    @abstractmethod
    def abort(self, code: AbortCode, message: str) -> None:
        """End without a complete response. What was not sent yet is dropped.

        Does nothing after the end. `message` is logged by the gateway, never shown to the client.
        """

    async def wait_over(self) -> None:
        """Wait until the exchange was cancelled or has ended."""
        if not self._is_over():
            if self._over is None:
                self._over = asyncio.Event()
            await self._over.wait()

    def cancel(self, reason: CancelReason) -> None:
        """Nobody waits any more. Called by the transport; a second call changes nothing."""
        if self._is_over():
            return
        self.cancelled = reason
        self._close()
        self.on_cancel()

    def drain(self) -> None:
        """The worker stops. Requests are finished as ever; WebSockets would never end."""
        self.draining = True
        self.on_drain()

    def _end(self) -> None:
        """For transports: the last event of this exchange was handed over."""
        self.ended = True
        self._close()
        self.on_end(self)

    def _begin(self, status: int) -> None:
        """For transports: the final head was handed over (RFC 9110, section 6.4.1)."""
        self.status = status
        self._bodiless = status in BODILESS or self.request.method == "HEAD"

    def _check_open(self) -> None:
        """For transports: refuse to send what nobody will read."""
        if self.ended or self.cancelled is not None:
            raise ClientDisconnected("no one waits for this response any more")

    def _check_status(self, status: object) -> None:
        """For transports: refuse a head that no gateway takes."""
        if not isinstance(status, int) or not 100 <= status <= 999:
            raise ResponseRefused(f"{status!r:.64} is not a status: those are 100 to 999")

    def _is_over(self) -> bool:
        return self.ended or self.cancelled is not None

    def _close(self) -> None:
        if self.request.websocket and not self.ended:
            self.body.finish()  # what the client said before it left is still read
        else:
            self.body.close()
        if self._over is not None:
            self._over.set()


def as_field(name: object, value: object) -> tuple[bytes, bytes]:
    """A header field that may be made of other byte strings than `bytes`.

    Raises:
        ResponseRefused: it is not made of byte strings.
    """
    if isinstance(name, BYTES) and isinstance(value, BYTES):
        return bytes(name), bytes(value)
    kinds = f"{type(name).__name__} and {type(value).__name__}"
    raise ResponseRefused(f"the header field {name!r:.64} is not made of bytes, but of {kinds}")


async def send_error(exchange: Exchange) -> None:
    """The answer for an application that failed before its head: a plain 500."""
    body = b"Internal Server Error"
    length = str(len(body)).encode()
    headers = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length))
    await exchange.send_head(500, headers, body, end=True)


def _nothing(*_: object) -> None:
    """The default of `on_cancel` and others: does nothing."""
