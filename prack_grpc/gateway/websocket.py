"""WebSockets: RFC 6455 with the client, a stream of events with the worker.

See proto/README.md section 10. The server below has done the handshake's and the frames' work;
here messages become events and events messages.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from prack import websocket_events as events
from prack.websocket_events import BadEvents, Decoder, Event
from prack_grpc.broker.base import Broker
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.core.message import Headers
from prack_grpc.gateway.forwarding import Forwarding, Scope
from prack_grpc.gateway.problem import problem
from prack_grpc.telemetry.access import Record

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# RFC 6455 section 7.4.1 and the registry of close codes.
GOING_AWAY, TOO_BIG, INTERNAL_ERROR, SERVICE_RESTART = 1001, 1009, 1011, 1012
CLOSE_CODES: dict[ErrorKind, int] = {
    errors.WORKER_LOST: SERVICE_RESTART,
    errors.SHUTDOWN: GOING_AWAY,
    errors.DRAINING: GOING_AWAY,
    errors.DEADLINE: GOING_AWAY,
}


class WebSocket:
    """One `websocket` scope on its way through the public edge."""

    def __init__(
        self,
        broker: Broker,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: Record,
        max_message: int,
    ) -> None:
        self._broker = broker
        self._scope = scope
        self._receive = receive
        self._send = send
        self._record = record
        self._max_message = max_message
        self._decoder = Decoder(max_message)
        self._accepted = False
        self._closed = False

    async def run(self, forwarding: Forwarding) -> None:
        """Serve it to its end."""
        await self._receive()  # websocket.connect
        try:
            request = forwarding.websocket(self._scope)
            ticket = self._broker.submit(request, b"", False)
        except GatewayError as error:
            await self.fail(error, secrets.token_hex(16))
            return
        self._record.exchange = ticket.exchange
        upload = asyncio.create_task(self._upload(ticket), name="websocket-upload")
        try:
            await self._answer(ticket)
        except ClientGone:
            pass
        except GatewayError as error:
            await self.fail(error, ticket.exchange.id)
        except BadEvents as error:
            bad = GatewayError(errors.BAD_RESPONSE, str(error))
            self._broker.fail(ticket, bad)
            await self.fail(bad, ticket.exchange.id)
        finally:
            upload.cancel()
            self._broker.leave(ticket)

    async def _say(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            raise ClientGone from error

    async def _upload(self, ticket: Ticket) -> None:
        """The client's messages as events; its leaving without a close is a client that is gone."""
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            name = events.BINARY if text is None else events.TEXT
            data = message["bytes"] if text is None else text.encode()
            if len(data) > self._max_message:
                await self._close(TOO_BIG, "message too big")
                await self._end(ticket, TOO_BIG, "")
                return
            await self._broker.upload(ticket, events.encode(name, data), False)
        # The server below tells a close frame, which has a reason, from a connection that broke.
        if "reason" not in message:
            self._broker.leave(ticket)
        elif self._closed:
            await self._broker.upload(ticket, b"", True)
        else:
            self._closed = True
            await self._end(ticket, message["code"], message["reason"] or "")

    async def _end(self, ticket: Ticket, code: int, reason: str) -> None:
        close = events.encode(events.CLOSE, events.close_data(code, reason))
        await self._broker.upload(ticket, close, True)

    async def _answer(self, ticket: Ticket) -> None:
        while (head := await ticket.head()).status < 200 and head.status != 101:
            pass  # there is no place for interim heads in a handshake
        if head.status != 101:
            await self._refuse(ticket, head.status, head.headers, head.body, head.end)
            return
        await self._accept(head.headers)
        await self._messages(head.body if head.end else b"")
        while not head.end and (chunk := await ticket.chunk()) is not None:
            await self._messages(chunk)
            self._broker.consumed(ticket)
        await self._close(1000, "")
        self._broker.complete(ticket)

    async def _accept(self, headers: Headers) -> None:
        self._accepted = True
        self._record.status = 101
        chosen = [value.decode() for name, value in headers if name == PROTOCOL]
        others = [field for field in headers if field[0] not in HANDSHAKE]
        await self._say(
            {
                "type": "websocket.accept",
                "subprotocol": chosen[0] if chosen else None,
                "headers": others,
            }
        )

    async def _messages(self, data: bytes) -> None:
        for event in self._decoder.feed(data):
            self._record.sent += len(event.data)
            await self._message(event)

    async def _message(self, event: Event) -> None:
        if event.name == events.CLOSE:
            code, reason = events.close_code(event.data)
            if not _may_be_sent(code):
                raise BadEvents(f"{code} is no close code that an endpoint may send")
            await self._close(code, reason)
        elif self._closed:
            return
        elif event.name == events.BINARY:
            await self._say({"type": "websocket.send", "bytes": event.data})
        elif event.name == events.TEXT:
            try:
                text = event.data.decode()
            except UnicodeDecodeError as error:
                raise BadEvents("a TEXT event that is not UTF-8") from error
            await self._say({"type": "websocket.send", "text": text})

    async def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            code = 1000 if code == 1005 else code
            await self._say({"type": "websocket.close", "code": code, "reason": reason})

    async def _refuse(
        self, ticket: Ticket, status: int, headers: Headers, body: bytes, end: bool
    ) -> None:
        """The worker does not want this WebSocket, and says so with an ordinary response."""
        parts = [body] if end else []
        while not end and (chunk := await ticket.chunk()) is not None:
            parts.append(chunk)
            if sum(map(len, parts)) > self._max_message:
                raise BadEvents("a refusal that is larger than a message")
            self._broker.consumed(ticket)
        await self._respond(status, headers, b"".join(parts))
        self._broker.complete(ticket)

    async def fail(self, error: GatewayError, request_id: str) -> None:
        """Answer in the worker's place, with a status or with a close code."""
        self._record.error = error.kind.code
        with contextlib.suppress(ClientGone):
            if self._accepted:
                await self._close(CLOSE_CODES.get(error.kind, INTERNAL_ERROR), error.kind.code)
            else:
                await self._respond(*problem(error, request_id, close=True))

    async def _respond(self, status: int, headers: Headers, body: bytes) -> None:
        self._closed = True
        self._record.status, self._record.sent = status, len(body)
        start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await self._say(start)
        await self._say({"type": "websocket.http.response.body", "body": body})


PROTOCOL = b"sec-websocket-protocol"
# The server below writes these itself.
HANDSHAKE = frozenset((PROTOCOL, b"sec-websocket-accept", b"sec-websocket-extensions"))


def _may_be_sent(code: int) -> bool:
    """RFC 6455 section 7.4: 1005 stands for no code, 1004, 1006 and 1015 are never on the wire."""
    return code in range(3000, 5000) or (code in range(1000, 1015) and code not in (1004, 1006))
