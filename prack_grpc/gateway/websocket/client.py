"""The client's end of a WebSocket: its messages as events, and events as messages to it."""

import contextlib
import time

from starlette.types import Message, Receive, Send

from prack_grpc.broker.ticket import ClientGone
from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.core.http.fields import TOKEN
from prack_grpc.core.http.message import Headers
from prack_grpc.gateway.request.exchange import name
from prack_grpc.gateway.request.problem import problem
from prack_grpc.telemetry.access import Record
from prack_wire import websocket_events as events
from prack_wire.websocket_events import BadEvents, Event

# RFC 6455 section 7.4.1 and the registry of close codes.
GOING_AWAY, TOO_BIG, INTERNAL_ERROR, SERVICE_RESTART, TRY_AGAIN = 1001, 1009, 1011, 1012, 1013
CLOSE_CODES: dict[ErrorKind, int] = {
    errors.WORKER_LOST: SERVICE_RESTART,
    errors.SHUTDOWN: GOING_AWAY,
    errors.DRAINING: GOING_AWAY,
    errors.DEADLINE: GOING_AWAY,
}
PROTOCOL = b"sec-websocket-protocol"
# The server below writes these itself.
HANDSHAKE = frozenset((PROTOCOL, b"sec-websocket-accept", b"sec-websocket-extensions"))


class WebSocketClient:
    """What is sent raises ClientGone when nobody is there to take it."""

    def __init__(self, receive: Receive, send: Send, record: Record, max_message: int) -> None:
        self._receive = receive
        self._send = send
        self._record = record
        self._max_message = max_message
        self.accepted = False
        self.closed = False  # there is nothing more to be sent

    async def event(self) -> Event | None:
        """What the client says next; None when it has only answered a close.

        Its last event is CLOSE, or DISCONNECT when its connection broke.
        """
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return self._last(message)
        name = events.TEXT if "utf-8" in message else events.BINARY
        data = message["utf-8" if name == events.TEXT else "bytes"]
        self._record.taken += len(data)
        if len(data) <= self._max_message:
            return Event(name, data)
        await self.close(TOO_BIG, "message too big")
        return Event(events.CLOSE, events.close_data(TOO_BIG))

    def _last(self, message: Message) -> Event | None:
        # The server below tells a close frame, which has a reason, from a connection that broke.
        lost, was_closed, self.closed = "reason" not in message, self.closed, True
        if lost:
            if not was_closed:
                self._record.error = "client_gone"
            return Event(events.DISCONNECT)
        if was_closed:
            return None
        return Event(events.CLOSE, events.close_data(message["code"], message["reason"] or ""))

    async def accept(self, headers: Headers) -> None:
        """Complete the handshake. Raises BadEvents for a subprotocol that is none."""
        chosen = next((value for name, value in headers if name == PROTOCOL), None)
        if chosen is not None and not TOKEN.fullmatch(chosen):
            raise BadEvents("sec-websocket-protocol must be one token")
        self.accepted = True
        self._record.status, self._record.started = 101, time.monotonic()
        others = [field for field in headers if field[0] not in HANDSHAKE]
        name(others, self._record)
        await self._say(
            {
                "type": "websocket.accept",
                "subprotocol": chosen.decode() if chosen else None,
                "headers": others,
            }
        )

    async def send(self, event: Event) -> None:
        """Pass on what a worker says; events of other kinds are ignored. Raises BadEvents."""
        self._record.sent += len(event.data)
        if event.name == events.CLOSE:
            await self.close(*_checked_close(event.data))
        elif self.closed:
            return
        elif event.name == events.BINARY:
            await self._say({"type": "websocket.send", "bytes": event.data})
        elif event.name == events.TEXT:
            try:
                text = event.data.decode()
            except UnicodeDecodeError as error:
                raise BadEvents("a TEXT event is not UTF-8") from error
            await self._say({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """Say so, if neither side has."""
        if not self.closed:
            self.closed = True
            code = 1000 if code == 1005 else code
            await self._say({"type": "websocket.close", "code": code, "reason": reason})

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer the handshake with an ordinary response."""
        self.closed = True
        self._record.status, self._record.sent = status, len(body)
        self._record.started = time.monotonic()
        name(headers, self._record)
        start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await self._say(start)
        await self._say({"type": "websocket.http.response.body", "body": body})

    async def fail(self, error: GatewayError) -> None:
        """Answer in the worker's place, with a status or with a close code."""
        self._record.error = error.kind.code
        with contextlib.suppress(ClientGone):
            if self.accepted:
                other = TRY_AGAIN if error.kind.status == 503 else INTERNAL_ERROR
                await self.close(CLOSE_CODES.get(error.kind, other), error.kind.code)
            else:
                await self.respond(*problem(error, self._record.request_id, close=True))

    async def _say(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            raise ClientGone from error


def _checked_close(data: bytes) -> tuple[int, str]:
    """Code and reason of a close that can be sent. Raises BadEvents."""
    code, reason = events.close_code(data)
    if not _may_be_sent(code):
        raise BadEvents(f"{code} is not a close code that an endpoint may send")
    if len(data) > 2 + events.MAX_REASON:
        raise BadEvents(f"the reason of a close has more than {events.MAX_REASON} bytes")
    if reason.encode() != data[2:]:
        raise BadEvents("the reason of a close is not UTF-8")
    return code, reason


def _may_be_sent(code: int) -> bool:
    """RFC 6455 section 7.4: 1005 stands for no code, 1004, 1006 and 1015 are never on the wire."""
    return code in range(3000, 5000) or (code in range(1000, 1015) and code not in (1004, 1006))
