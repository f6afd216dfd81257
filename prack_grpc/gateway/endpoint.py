"""The raw ASGI endpoint behind which every path belongs to the workers."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from prack_grpc.broker.base import Broker
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB, Limits
from prack_grpc.core.message import Headers, Request, ResponseHead
from prack_grpc.gateway.forwarding import Forwarding, Scope
from prack_grpc.gateway.problem import date, problem
from prack_grpc.gateway.websocket import WebSocket
from prack_grpc.telemetry.access import AccessLog, Record

log = logging.getLogger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A body up to this size is read before a worker's slot is taken for it.
READ_AHEAD = 64 * KIB


class Connection(Protocol):
    """What the guard offers beyond ASGI."""

    def watch(self, on_lost: Callable[[GatewayError | None], None] | None) -> None:
        """Call this when the request cannot go on: with an error, or None for a lost client."""

    def cut(self) -> None:
        """End the connection without a valid end of the response."""


class Endpoint:
    """Queues each request, and sends back what a worker answers."""

    def __init__(
        self,
        broker: Broker,
        forwarding: Forwarding,
        access: AccessLog,
        limits: Limits,
        max_body: int | None = None,
    ) -> None:
        self._limits = limits
        self._max_body = max_body
        self._broker = broker
        self._forwarding = forwarding
        self._access = access
        self._websockets: set[WebSocket] = set()

    def stop(self) -> None:
        """End the WebSockets that no exchange is open for."""
        for websocket in self._websockets:
            websocket.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` or `websocket` scope."""
        record = Record(scope)
        exchange: _Served | WebSocket
        if scope["type"] == "websocket":
            exchange = WebSocket(self._broker, scope, receive, send, record, self._limits)
            self._websockets.add(exchange)
        else:
            exchange = _Served(self._broker, scope, receive, send, record, self._max_body)
        try:
            await exchange.run(self._forwarding)
        except Exception:
            log.exception("a mistake of the gateway", extra={"action": "internal"})
            await exchange.fail(GatewayError(errors.INTERNAL), secrets.token_hex(16))
        finally:
            self._websockets.discard(exchange)
            self._access.write(record)


class _Served:
    """One request on its way through the public edge."""

    def __init__(
        self,
        broker: Broker,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: Record,
        max_body: int | None,
    ) -> None:
        self._max_body = max_body
        guard = scope.get("extensions", {}).get("prack")
        self._connection: Connection | None = guard["connection"] if guard else None
        self._broker = broker
        self._scope = scope
        self._receive = receive
        self._send = send
        self._record = record
        self._pump: asyncio.Task[None] | None = None
        self._read_all = False
        self._started = False

    async def run(self, forwarding: Forwarding) -> None:
        try:
            request = forwarding.request(self._scope)
            if request.target == b"*":
                # RFC 9110 section 9.3.7: about the server, not about any application.
                await self._start(204, [(b"date", date())])
                await self._body(b"", False)
                return
            ticket = await self._submit(request)
        except GatewayError as error:
            await self.fail(error, secrets.token_hex(16))
            return
        except ClientGone:
            return
        self._record.exchange = ticket.exchange
        try:
            await self._answer(ticket)
        except ClientGone:
            pass
        except GatewayError as error:
            await self.fail(error, ticket.exchange.id)
        finally:
            self._leave(ticket)

    async def _submit(self, request: Request) -> Ticket:
        """Read what must be read, queue the request, and start to watch the client."""
        length = request.body_length
        self._read_all = length == 0
        if self._exceeds(length):
            raise GatewayError(errors.BODY_TOO_LARGE)
        if length == 0:
            ticket = self._broker.submit(request, b"", True)
        elif 0 < length <= READ_AHEAD and not request.expects:
            ticket = self._broker.submit(request, await self._read(), True)
            self._read_all = True
        else:
            ticket = self._broker.submit(request, b"", False)
        if self._connection is not None:
            self._connection.watch(partial(self._lost, ticket))
        if self._connection is None or not self._read_all:
            self._pump = asyncio.create_task(self._upload(ticket), name="upload")
        return ticket

    def _exceeds(self, size: int) -> bool:
        return self._max_body is not None and size > self._max_body

    def _lost(self, ticket: Ticket, error: GatewayError | None) -> None:
        if error is None:
            self._broker.leave(ticket)
        else:
            self._broker.fail(ticket, error)

    async def _read(self) -> bytes:
        """A small body, whole. Raises ClientGone."""
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message["body"])
            if not message["more_body"]:
                return b"".join(parts) if len(parts) > 1 else parts[0]

    async def _upload(self, ticket: Ticket) -> None:
        """Pass the body on as it comes, then wait for the client to leave."""
        received = 0
        if ticket.exchange.request.expects:
            await ticket.wanted()
        while (message := await self._receive())["type"] == "http.request":
            if not self._read_all:
                self._read_all = not message["more_body"]
                received += len(message["body"])
                if self._exceeds(received):
                    self._broker.fail(ticket, GatewayError(errors.BODY_TOO_LARGE))
                await self._broker.upload(ticket, message["body"], self._read_all)
        self._broker.leave(ticket)

    async def _answer(self, ticket: Ticket) -> None:
        while (head := await ticket.head()).status < 200:
            if self._connection is not None:
                await self._start(head.status, head.headers)
        self._started = True
        headers = _dated(head)
        if ticket.exchange.request.expects and not ticket.is_wanted:
            # The client may send the body, or not: what comes next could be either.
            headers.append((b"connection", b"close"))
        await self._start(head.status, headers)
        if head.end:
            await self._body(head.body, False)
        else:
            await self._body(b"", True)  # sends the head; its body may take long
            while (chunk := await ticket.chunk()) is not None:
                await self._body(chunk, True)
                self._broker.consumed(ticket)
            await self._body(b"", False, ticket.trailers)
        self._broker.complete(ticket)

    async def _start(self, status: int, headers: Headers) -> None:
        self._record.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, body: bytes, more: bool, trailers: Headers | None = None) -> None:
        self._record.sent += len(body)
        message = {"type": "http.response.body", "body": body, "more_body": more}
        if trailers:
            message["trailers"] = trailers
        await self._send(message)

    async def fail(self, error: GatewayError, request_id: str) -> None:
        """Answer in the worker's place, or cut what has begun (promise S7)."""
        self._record.error = error.kind.code
        if self._started:
            if self._connection is not None:
                self._connection.cut()
            return
        close = not self._read_all or error.kind is errors.DRAINING
        status, headers, body = problem(error, request_id, close)
        await self._start(status, headers)
        await self._body(body, False)

    def _leave(self, ticket: Ticket) -> None:
        if self._connection is not None:
            self._connection.watch(None)
        if self._pump is not None:
            self._pump.cancel()
        self._broker.leave(ticket)


def _dated(head: ResponseHead) -> Headers:
    """RFC 9110 section 6.6.1: a response has a Date; the worker's own wins."""
    if not any(name == b"date" for name, _ in head.headers):
        head.headers.append((b"date", date()))
    return head.headers
