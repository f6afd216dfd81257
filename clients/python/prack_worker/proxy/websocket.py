"""One WebSocket: events with the gateway (proto/README.md, section 10), frames with what it is for.

The gateway speaks RFC 6455 with the client, so compression is between these two; to the application
no extension is offered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress

from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    MAX_EVENT,
    TEXT,
    Decoder,
    close_code,
    close_event,
    encode,
)  # fmt: skip
from prack_worker.errors import ApplicationFailed, ClientDisconnected
from prack_worker.exchange import Exchange
from prack_worker.proxy.answer import Fields
from prack_worker.proxy.connection import Connection
from prack_worker.proxy.head import request_head
from prack_worker.proxy.http import send_body
from prack_worker.proxy.upstream import Upstream

log = logging.getLogger("prack_worker")

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
# What is between this worker and the application only.
HANDSHAKE = frozenset(
    (b"connection", b"upgrade", b"sec-websocket-accept", b"sec-websocket-extensions")
)
NO_CODE = 1005
CLOSE_SECONDS = 5.0  # for the application to answer a close
# A continuation is of the kind of what it continues.
KINDS = {Opcode.TEXT: TEXT, Opcode.BINARY: BINARY, Opcode.CONT: b""}
GOING_AWAY, SERVICE_RESTART, INTERNAL_ERROR = 1001, 1012, 1011


async def relay_websocket(exchange: Exchange, upstream: Upstream) -> None:
    """Relay a handshake, and what follows it. Raises as `relay` for requests."""
    connection = await upstream.dial()
    interrupt, exchange.on_cancel = exchange.on_cancel, connection.close
    try:
        if exchange.cancelled is None and await _shake_hands(exchange, connection, upstream):
            exchange.on_cancel = interrupt  # what the client said before it left is still brought
            await Tunnel(exchange, connection).run()
    finally:
        connection.finish()


async def _shake_hands(exchange: Exchange, connection: Connection, upstream: Upstream) -> bool:
    """Returns whether the WebSocket is open; if not, the application has answered otherwise."""
    key = base64.b64encode(secrets.token_bytes(16))
    fields = [
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", key),
    ]
    head = request_head(exchange.request, upstream.address.authority(), fields)
    connection.request(exchange.request.method, head)
    status, fields = await connection.head()
    while status < 200 and status != 101:
        status, fields = await connection.head()
    if status != 101:
        await exchange.send_head(status, fields)
        await send_body(exchange, connection)
        return False
    digest = hashlib.sha1(key + GUID, usedforsecurity=False).digest()
    if (b"sec-websocket-accept", base64.b64encode(digest)) not in _lower(fields):
        raise ApplicationFailed("its answer to the handshake has a wrong Sec-WebSocket-Accept")
    await exchange.send_head(101, [one for one in _lower(fields) if one[0] not in HANDSHAKE])
    return True


def _lower(fields: Fields) -> Fields:
    return [(name.lower(), value) for name, value in fields]


class Tunnel:
    """An open WebSocket, both ways at a time."""

    def __init__(self, exchange: Exchange, connection: Connection) -> None:
        self._exchange = exchange
        self._connection = connection
        self._frames = Protocol(CLIENT, max_size=MAX_EVENT)
        self._kind = TEXT  # of the message that is coming
        self._parts: list[bytes] = []
        self._leaving = False
        self._patience: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Return when both sides have closed. Raises as `relay`."""
        self._exchange.on_drain = self._leave
        if self._exchange.draining:
            self._leave()
        inward = asyncio.create_task(self._to_application(), name="prack websocket")
        try:
            await self._to_client()
        finally:
            inward.cancel()
            await asyncio.wait([inward])
            if self._patience is not None:
                self._patience.cancel()

    # ------------------------------------------------------------ to the application

    async def _to_application(self) -> None:
        decoder = Decoder(MAX_EVENT)
        end = False
        with suppress(ClientDisconnected):
            while not end:
                data, end = await self._exchange.receive_body()
                for name, content in decoder.each(data):
                    self._say(name, content)
                    await self._connection.writable()
        if self._frames.close_sent is None:
            self._connection.finish()  # the client was lost

    def _say(self, name: bytes, content: bytes) -> None:
        if self._frames.close_sent is not None:
            return
        if name == TEXT:
            self._frames.send_text(content)
        elif name == BINARY:
            self._frames.send_binary(content)
        elif name == CLOSE:
            self._close(*close_code(content))
        self._flush()

    def _close(self, code: int, reason: str) -> None:
        self._frames.send_close(None if code == NO_CODE else code, reason)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(CLOSE_SECONDS, self._connection.close)

    def _leave(self) -> None:
        """The worker stops: to the application the client goes away, and is to come again."""
        if self._frames.close_sent is None:
            self._leaving = True
            self._close(GOING_AWAY, "")
            self._flush()

    def _flush(self) -> None:
        self._connection.write(b"".join(self._frames.data_to_send()))

    # ------------------------------------------------------------ to the client

    async def _to_client(self) -> None:
        while data := await self._receive():
            self._frames.receive_data(data)
            events = b"".join(self._events())
            self._flush()
            if events:
                await self._exchange.send_body(events)
            if self._frames.close_rcvd is not None or self._frames.parser_exc is not None:
                break
        await self._exchange.send_body(close_event(*self._end()), end=True)

    async def _receive(self) -> bytes:
        """What the application says next; nothing if it only ended what this side has closed."""
        try:
            data, _ = await self._connection.body()
        except ApplicationFailed:
            data = b""
        if not data and self._frames.close_sent is None:
            raise ApplicationFailed("it closed the connection without closing the WebSocket")
        return data

    def _events(self) -> Iterator[bytes]:
        """The messages that are complete. Pings are answered by `_frames`."""
        for frame in self._frames.events_received():
            if not isinstance(frame, Frame) or frame.opcode not in KINDS:
                continue
            self._kind = KINDS[frame.opcode] or self._kind
            self._parts.append(bytes(frame.data))
            if frame.fin:
                yield encode(self._kind, b"".join(self._parts))
                self._parts.clear()

    def _end(self) -> tuple[int, str]:
        """The code and the reason that the client is told."""
        if self._leaving:
            return SERVICE_RESTART, "the worker is stopping"
        if self._frames.parser_exc is not None:
            log.warning(
                "The application failed on WebSocket %s: %s",
                self._exchange.request.request_id,
                self._frames.parser_exc,
            )
            return INTERNAL_ERROR, ""
        closed = self._frames.close_rcvd or self._frames.close_sent
        return (closed.code, closed.reason) if closed else (NO_CODE, "")
