"""`receive` and `send` of one WebSocket (ASGI WebSocket specification 2.4).

The gateway speaks RFC 6455 with the client; here are messages only (proto/README.md, section 10).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from enum import Enum, auto

from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, close_data, encode
from prack_worker.asgi.http import HttpCycle
from prack_worker.asgi.inbox import INTERNAL_ERROR, Inbox
from prack_worker.asgi.lifespan import Message
from prack_worker.errors import ClientDisconnected, ResponseRefused
from prack_worker.exchange import Exchange, send_error
from prack_worker.failures import log_failure

log = logging.getLogger("prack_worker")

NORMAL = 1000
SERVICE_RESTART = 1012  # as uvicorn says when it stops


class State(Enum):
    """How far a WebSocket is, as far as the application says it."""

    CONNECTING = auto()
    OPEN = auto()
    REFUSED = auto()  # by a response
    LEAVING = auto()  # the worker stops: CLOSE was sent, the application goes on
    ENDED = auto()


class WebSocketCycle:
    """One WebSocket, from its handshake to its end."""

    __slots__ = ("_asked", "_exchange", "_goodbye", "_inbox", "_refusal", "_state")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._inbox = Inbox(exchange)
        self._refusal = HttpCycle(exchange)
        self._state = State.CONNECTING
        self._asked = False
        self._goodbye: asyncio.Task[None] | None = None
        exchange.on_drain = self._leave

    async def receive(self) -> Message:
        """The application waits for the next event."""
        if not self._asked:
            self._asked = True
            return {"type": "websocket.connect"}
        return await self._inbox.next()

    async def send(self, message: Message) -> None:
        """The application hands over the next event.

        Raises:
            ClientDisconnected: the WebSocket is closed; also before `receive` says so.
        """
        kind = message["type"]
        if self._state is not State.ENDED and self._client_left():
            raise ClientDisconnected("this WebSocket is closed")
        if self._state is State.OPEN and kind == "websocket.send":
            await self._exchange.send_body(to_event(message))
        elif self._state is State.OPEN and kind == "websocket.close":
            await self._close(message.get("code", NORMAL), message.get("reason") or "")
        elif self._state is State.CONNECTING and kind == "websocket.accept":
            await self._accept(message)
        elif self._state in (State.CONNECTING, State.REFUSED):
            await self._refuse(message)
        else:
            raise RuntimeError(f"{kind} is not allowed at this point of a WebSocket")

    async def finish(self) -> None:
        """The application returned."""
        if self._state is State.REFUSED:
            await self._refusal.finish()
            return
        if self._state is State.CONNECTING and self._exchange.cancelled is None:
            log.error(
                "The application did not answer the handshake of WebSocket %s",
                self._exchange.request.request_id,
            )
        await self._end(NORMAL)

    async def fail(self, error: BaseException) -> bool:
        """The application raised; returns as `HttpCycle.fail`."""
        if self._state is State.REFUSED:
            return await self._refusal.fail(error)
        if not self._client_left():
            log_failure(self._exchange, error)
            await self._end(INTERNAL_ERROR)
            return True
        if not isinstance(error, ClientDisconnected):
            name = self._exchange.request.request_id
            log.warning("The application ended WebSocket %s with %r", name, error)
            log.debug("The application raised", exc_info=error)
        await self._end(NORMAL)
        return True

    def _client_left(self) -> bool:
        return self._inbox.closed is not None or self._exchange.body.finished

    async def _accept(self, message: Message) -> None:
        fields = list(message.get("headers") or ())
        if subprotocol := message.get("subprotocol"):
            fields.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        self._state = State.OPEN
        await self._exchange.send_head(101, fields)
        if self._exchange.draining:
            self._leave()

    async def _refuse(self, message: Message) -> None:
        """Answer the handshake with a response: the application's own, or an empty 403."""
        if message["type"] == "websocket.close":
            self._state = State.ENDED
            await self._exchange.send_head(403, [(b"content-length", b"0")], end=True)
        else:
            kind = message["type"].removeprefix("websocket.")
            await self._refusal.send({**message, "type": kind})
            self._state = State.REFUSED

    async def _close(self, code: int, reason: str) -> None:
        self._state = State.ENDED
        self._inbox.ending = code, reason
        await self._exchange.send_body(close_event(code, reason), end=True)

    def _leave(self) -> None:
        """The worker stops: have the client connect anew, and tell the application."""
        if self._state is State.OPEN and not self._client_left():
            self._state = State.LEAVING
            self._inbox.ending = SERVICE_RESTART, "the worker is stopping"
            self._exchange.body.finish()
            self._goodbye = asyncio.create_task(self._say_goodbye(), name="prack goodbye")

    async def _say_goodbye(self) -> None:
        with suppress(ClientDisconnected):
            await self._exchange.send_body(close_event(SERVICE_RESTART, "the worker is stopping"))

    async def _end(self, code: int) -> None:
        """The application is done: end what is open; a close of the client's is answered."""
        with suppress(ClientDisconnected):
            if self._state is State.CONNECTING:
                await send_error(self._exchange)
            elif self._state is State.OPEN:
                await self._close(*(self._inbox.closed or (code, "")))
            elif self._goodbye is not None:
                await self._goodbye
                await self._exchange.send_body(b"", end=True)


def to_event(message: Message) -> bytes:
    """What `websocket.send` sends.

    Raises:
        ResponseRefused: the message is larger than the protocol takes.
    """
    data = message.get("bytes")
    name = TEXT if data is None else BINARY
    content = message["text"].encode() if data is None else bytes(data)
    if len(content) > MAX_EVENT:
        raise ResponseRefused(f"a message of {len(content)} bytes; the limit is {MAX_EVENT}")
    return encode(name, content)


def close_event(code: int, reason: str) -> bytes:
    """A CLOSE; 1005 stands for none given."""
    return encode(CLOSE, close_data(code, reason) or None)
