"""One request and its response on a connection, as ASGI sees them."""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any, Protocol

from prack_grpc.core.limits import KIB
from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.http.response import Response
from prack_grpc.gateway.request.client import Application, Message, Scope

log = logging.getLogger(__name__)

# Pieces of a request body from this size on are not copied; smaller ones are collected up to that,
# which is what one event to a worker may hold.
LARGE, COLLECTED = 32 * KIB, 64 * KIB
# When so much of a body has not been received, the client waits.
HIGH_WATER = 64 * KIB


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
        if self._event is not None:
            self._event.set()

    async def run(self, app: Application) -> None:
        """Have the application serve it."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("a mistake of the gateway", extra={"action": "internal"})
        if not self.response.complete and not self.disconnected:
            self._owner.unfinished()

    # ------------------------------------------------------------ for the application

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
        if self.disconnected or response.complete:
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


def expects(scope: Scope) -> bool:
    """The client waits for 100 (Continue), see RFC 9110 section 10.1.1."""
    expectation: bytes = dict(scope["headers"]).get(b"expect", b"")
    return scope["http_version"] != "1.0" and expectation.lower() == b"100-continue"
