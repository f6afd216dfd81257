"""One HTTP request on its way through the public edge."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.limits import PIECE
from prack_grpc.gateway.request.client import Client
from prack_grpc.gateway.request.deferral import Deferral
from prack_grpc.gateway.request.forwarding import REQUEST_ID, Forwarding
from prack_grpc.gateway.request.problem import problem
from prack_grpc.telemetry.access import AccessLog, Queued, Record

log = logging.getLogger(__name__)

BUG = "bug: the gateway failed to serve a request; please report this traceback"

# A body up to this size is read before a worker's slot is taken for it.
READ_AHEAD = PIECE

# Raises GatewayError for a request that is not to be queued.
Admit = Callable[[Request], None]


class HttpExchange:
    """One request, in a coroutine of its own (`run`) or, as long as it can do without, `begin`.

    A coroutine with all that hangs on it costs more than the rest of the public edge, in time and,
    while a request waits, in memory.
    """

    __slots__ = (
        "_access",
        "_admit",
        "_broker",
        "_connection",
        "_deferral",
        "_expects",
        "_max_body",
        "_pump",
        "_read_all",
        "_receive",
        "_record",
        "_send",
        "_started",
        "_ticket",
        "_timing",
    )

    _receive: Receive
    _send: Send
    _ticket: Ticket

    def __init__(
        self,
        broker: PublicSide,
        access: AccessLog,
        max_body: int | None,
        timing: bool,
        admit: Admit | None,
        deferral: Deferral | None,
        scope: Scope,
        connection: Client,
    ) -> None:
        self._broker = broker
        self._access = access
        path, query = scope["raw_path"], scope["query_string"]
        self._record = Record(scope["method"], path, query, scope["client"])
        self._connection = connection
        self._max_body = max_body
        self._timing = timing
        self._admit = admit
        self._deferral = deferral
        self._pump: asyncio.Task[None] | None = None
        self._read_all = self._expects = False
        self._started = False

    # ------------------------------------------------------------ without a coroutine

    def begin(self, request: Request, body: bytes, connection: Client) -> bool:
        """Queue a request that is here whole. False, with nothing done, if it takes more than that.

        What becomes of it is `_news`.
        """
        if request.expects or request.target == b"*" or (body and self._exceeds(len(body))):
            return False
        if self._deferral is not None and self._deferral.concerns(request):
            return False
        self._read_all = True
        self._record.request, self._record.taken = request, len(body)
        try:
            if self._admit is not None:
                self._admit(request)
            self._ticket = self._broker.submit(request, body, True, self._news)
        except GatewayError as error:
            connection.run(partial(self._refuse, error))
        else:
            self._record.ticket = self._ticket
            connection.watch(self, self._ticket.assignment is None)
        return True

    def _news(self) -> None:
        """Something has come of it. A mistake must not reach the worker, whose frame is read."""
        connection = self._connection
        try:
            self._take(connection)
        except Exception:
            connection.cut()
            log.exception(BUG, extra={"action": "internal"})

    def _take(self, connection: Client) -> None:
        """Nearly always a whole response, for a client that reads."""
        ticket = self._ticket
        ticket.news = None
        reply, record = connection.reply(), self._record
        if reply is None or (head := ticket.whole()) is None:
            connection.run(self._go_on)
            return
        connection.unwatch(self)
        self._broker.complete(ticket)
        record.status, record.sent = head.status, len(head.body)
        self._access.write(record, ticket)
        name(head.headers, record)
        if self._timing:
            head.headers.append(server_timing(ticket))
        reply.respond(head.status, head.headers, head.body)

    async def _refuse(self, error: GatewayError, _: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        await self._guarded(self._fail(error))

    async def _go_on(self, _: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        await self._guarded(self._serve())

    # ------------------------------------------------------------ in a coroutine

    async def run(self, forwarding: Forwarding, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an ASGI scope from its beginning to its end."""
        self._receive, self._send = receive, send
        await self._guarded(self._begin_and_serve(forwarding, scope))

    async def _guarded(self, serving: Coroutine[Any, Any, None]) -> None:
        # Here and below, nothing is awaited in an `except`: docs/decisions/0066 has the reason.
        try:
            failed = False
            try:
                await serving
            except Exception:
                log.exception(BUG, extra={"action": "internal"})
                failed = True
            if failed:
                await self._fail(GatewayError(errors.INTERNAL))
        finally:
            self._access.write(self._record)

    async def _begin_and_serve(self, forwarding: Forwarding, scope: Scope) -> None:
        refused: GatewayError | None = None
        try:
            request = self._record.request = forwarding.request(scope)
            if request.target == b"*":
                # RFC 9110 section 9.3.7: about the server, not about any application.
                headers: Headers = []
                name(headers, self._record)
                await self._start(204, headers)
                await self._body(b"", False)
                return
            if self._admit is not None:
                self._admit(request)
            if self._deferral is not None and self._deferral.concerns(request):
                await self._defer(self._deferral, request)
                return
            await self._submit(request)
        except GatewayError as error:
            error.__traceback__ = None  # it holds this, which holds it
            refused = error
        except ClientGone:
            return
        if refused is not None:
            await self._fail(refused)
        else:
            await self._serve()

    async def _serve(self) -> None:
        """Pass on what comes of it."""
        ticket = self._ticket
        try:
            failed: GatewayError | None = None
            try:
                await self._answer(ticket)
            except ClientGone as gone:
                gone.__traceback__ = None  # the ticket holds it, and so would hold this
            except GatewayError as error:
                error.__traceback__ = None
                failed = error
            if failed is not None:
                await self._fail(failed)
        finally:
            self._leave(ticket)

    async def _defer(self, deferral: Deferral, request: Request) -> None:
        """Answer without the queue. Raises GatewayError or ClientGone."""
        self._read_all = request.body_length == 0
        if self._exceeds(request.body_length):
            raise GatewayError(errors.BODY_TOO_LARGE)
        status, headers, body = await deferral.reply(request, self._read)
        name(headers, self._record)
        await self._start(status, headers)
        await self._body(body, False)

    async def _submit(self, request: Request) -> None:
        """Read what must be read, queue the request, and start to watch the client."""
        length = request.body_length
        self._read_all = length == 0
        if self._exceeds(length):
            raise GatewayError(errors.BODY_TOO_LARGE)
        if length == 0:
            ticket = self._broker.submit(request, b"", True)
        elif 0 < length <= READ_AHEAD and not request.expects:
            ticket = self._broker.submit(request, await self._read(READ_AHEAD), True)
        else:
            ticket = self._broker.submit(request, b"", False)
        self._ticket = self._record.ticket = ticket
        self._expects = request.expects
        self._connection.watch(self)
        if not self._read_all:
            self._pump = asyncio.create_task(self._upload(ticket), name="upload")

    def _exceeds(self, size: int) -> bool:
        return self._max_body is not None and size > self._max_body

    def lost(self, error: GatewayError | None) -> None:
        """See client.Watcher."""
        if error is None:
            self._broker.leave(self._ticket)
        else:
            self._broker.fail(self._ticket, error)

    async def _read(self, most: int) -> bytes:
        """A body of at most so many bytes, whole. Raises ClientGone or GatewayError."""
        most = min(most, self._max_body or most)
        parts = []
        while not self._read_all:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message["body"])
            self._record.taken += len(message["body"])
            if self._record.taken > most:
                raise GatewayError(errors.BODY_TOO_LARGE, f"expected at most {most} bytes")
            self._read_all = not message["more_body"]
        self._record.received = time.monotonic()
        return b"".join(parts) if len(parts) != 1 else parts[0]

    async def _upload(self, ticket: Ticket) -> None:
        """Pass the body on as it comes, then wait for the client to leave."""
        if self._expects:
            await ticket.wanted()
        while (message := await self._receive())["type"] == "http.request":
            if not self._read_all:
                self._read_all = not message["more_body"]
                self._record.taken += len(message["body"])
                if self._exceeds(self._record.taken):
                    self._broker.fail(ticket, GatewayError(errors.BODY_TOO_LARGE))
                await self._broker.upload(ticket, message["body"], self._read_all)
        self._broker.leave(ticket)

    async def _answer(self, ticket: Ticket) -> None:
        while (head := await ticket.head()).status < 200:
            await self._start(head.status, head.headers)
        self._started = True
        if self._expects and not ticket.is_wanted:
            # The client may send the body, or not: what comes next could be either.
            head.headers.append((b"connection", b"close"))
        name(head.headers, self._record)
        if self._timing:
            head.headers.append(server_timing(ticket))
        await self._start(head.status, head.headers)
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
        self._record.status, self._record.started = status, time.monotonic()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, body: bytes, more: bool, trailers: Headers | None = None) -> None:
        self._record.sent += len(body)
        message: Message = {"type": "http.response.body", "body": body, "more_body": more}
        if trailers:
            message["trailers"] = trailers
        await self._send(message)

    async def _fail(self, error: GatewayError) -> None:
        """Answer in the worker's place, or cut what has begun (promise S7)."""
        self._record.error = error.kind.code
        if self._started:
            self._connection.cut()
            return
        close = not self._read_all or error.kind is errors.DRAINING
        status, headers, body = problem(error, self._record.request_id, close)
        if self._timing and self._record.ticket is not None:
            headers.append(server_timing(self._record.ticket))
        await self._start(status, headers)
        await self._body(body, False)

    def _leave(self, ticket: Ticket) -> None:
        self._connection.unwatch(self)
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None  # its cancellation holds this
        self._broker.leave(ticket)


def name(headers: Headers, record: Record) -> None:
    """Add the X-Request-Id of this request to its response, unless its worker has written one."""
    for field, _ in headers:
        if field == REQUEST_ID:
            return
    headers.append((REQUEST_ID, record.request_id.encode()))


def server_timing(ticket: Queued) -> tuple[bytes, bytes]:
    """Where the time went until now, in milliseconds, as browsers show it (W3C Server Timing)."""
    now, handed = time.monotonic(), ticket.handed
    waited = b"queue;dur=%.1f" % (((handed or now) - ticket.since) * 1000)
    if handed:
        answered = ticket.answered if ticket.answered >= handed else now
        waited += b", worker;dur=%.1f" % ((answered - handed) * 1000)
    return b"server-timing", waited
