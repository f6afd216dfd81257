"""The messages that the client of a WebSocket sent, as an ASGI application receives them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, Decoder, Event, close_code
from prack_worker.asgi.lifespan import Message
from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import CancelReason, Exchange

log = logging.getLogger("prack_worker")

NO_CLOSE = 1006  # the client was lost (RFC 6455, section 7.4.1)
GOING_AWAY = 1001
INTERNAL_ERROR = 1011


class Inbox:
    """Reads the request body, which is a stream of events, as far as the application asks.

    Attributes:
        closed: code and reason of the end, once it was read.
        ending: what this side closed with; None while it has not.
    """

    __slots__ = ("_decoder", "_exchange", "_messages", "_told", "closed", "ending")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._decoder = Decoder(MAX_EVENT)
        self._messages: deque[Message] = deque()
        self._told = False  # of the end
        self.closed: tuple[int, str] | None = None
        self.ending: tuple[int, str] | None = None

    async def next(self) -> Message:
        """The next message; after the last one `websocket.disconnect`, again and again."""
        while not self._messages and self.closed is None:
            await self._read()
        if self._messages:
            return self._messages.popleft()
        if self._told:  # or an application that asks on and on would keep the loop for good
            await asyncio.sleep(0)
        self._told = True
        code, reason = self.closed or (NO_CLOSE, "")
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def _read(self) -> None:
        try:
            data, end = await self._exchange.receive_body()
            for event in self._decoder.feed(data):
                self._take(event)
        except ClientDisconnected:
            end = True
        except ValueError as error:
            name = self._exchange.request.request_id
            log.error("WebSocket %s: the gateway sent an invalid event: %s", name, error)
            self.closed = INTERNAL_ERROR, ""
        if end and self.closed is None:
            self.closed = self.ending or self._loss()

    def _take(self, event: Event) -> None:
        if self.closed is not None:
            return
        if event.name == TEXT:
            self._messages.append({"type": "websocket.receive", "text": event.data.decode()})
        elif event.name == BINARY:
            self._messages.append({"type": "websocket.receive", "bytes": event.data})
        elif event.name == CLOSE:
            self.closed = close_code(event.data)

    def _loss(self) -> tuple[int, str]:
        """The close code and reason when neither side has closed."""
        if self._exchange.cancelled is CancelReason.SHUTDOWN:
            return GOING_AWAY, "the gateway is stopping"
        return NO_CLOSE, ""
