"""WebSockets: RFC 6455 with the client, events with the worker.

The worker that takes the handshake decides how it goes on: as this exchange, with a stream of
events in each direction, or of bytes in a tunnel (proto/README.md section 10), or as one exchange
for each batch of events, see `batches`. The server below has done the handshake's and the frames'
work.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Receive, Scope, Send

from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Kind, ResponseHead
from prack_grpc.core.limits import PIECE, Limits
from prack_grpc.gateway.request.exchange import Admit
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.gateway.websocket.answer import body_events, final_head, pieces, small_body
from prack_grpc.gateway.websocket.batches import Batches, accepts
from prack_grpc.gateway.websocket.client import WebSocketClient
from prack_grpc.gateway.websocket.tunnel import Tunnel
from prack_grpc.telemetry.access import Record
from prack_grpc.telemetry.complaint import Complaint
from prack_wire import websocket_events as events
from prack_wire.websocket_events import BadEvents, Event

log = logging.getLogger(__name__)
bad_events = Complaint(log, "answer_refused", "rejected WebSocket events of a worker", most=20)

# Takes what the client says; None when it says nothing more.
Sink = Callable[[Event | None], Awaitable[None]]


class WebSocket:
    """One `websocket` scope on its way through the public edge."""

    def __init__(
        self,
        broker: PublicSide,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: Record,
        limits: Limits,
    ) -> None:
        self._broker = broker
        self._scope = scope
        self._receive = receive
        self._record = record
        self._max_message = limits.websocket_message
        self._client = WebSocketClient(receive, send, record, self._max_message)
        self._batches = Batches(broker, self._client, limits)
        self._sink: asyncio.Future[Sink] = asyncio.get_running_loop().create_future()

    async def run(self, forwarding: Forwarding, admit: Admit | None) -> None:
        """Serve it to its end, if it is to be queued."""
        await self._receive()  # websocket.connect
        try:
            request = self._record.request = forwarding.websocket(self._scope)
            if admit is not None:
                admit(request)
            request.opening = self._batches.opening(request)
            ticket = self._broker.submit(request, b"", False)
        except GatewayError as error:
            await self.fail(error)
            return
        self._record.ticket = ticket
        reader = asyncio.create_task(self._read(ticket), name="websocket-read")
        try:
            await self._answer(ticket)
        except ClientGone as gone:
            gone.__traceback__ = None  # the ticket holds it, and so would hold this
        except GatewayError as error:
            error.__traceback__ = None
            await self.fail(error)
        except BadEvents as error:
            bad_events.make(request_id=self._record.request_id, reason=str(error))
            bad = GatewayError(errors.BAD_RESPONSE, str(error))
            self._broker.fail(ticket, bad)
            await self.fail(bad)
        finally:
            reader.cancel()
            self._broker.leave(ticket)
        await self._batches.part()

    async def fail(self, error: GatewayError) -> None:
        """Answer in the worker's place, with a status or with a close code."""
        await self._client.fail(error)

    def stop(self) -> None:
        """The gateway stops. Between two batches there is no exchange that would say so."""
        self._batches.stop()

    async def _read(self, ticket: Ticket) -> None:
        """Pass on what the client says, as fast as it is taken."""
        event: Event | None = Event(events.OPEN)
        while event and event.name not in (events.CLOSE, events.DISCONNECT):
            event = await self._client.event()
            if event and event.name == events.DISCONNECT and not self._client.accepted:
                self._broker.leave(ticket)
            else:
                await (await self._sink)(event)

    async def _answer(self, ticket: Ticket) -> None:
        head = await final_head(ticket)
        if head.status == 101 and ticket.assignment and ticket.assignment.profile.tunnel:
            await self._pass(ticket, head)
        elif head.status == 101:
            self._sink.set_result(partial(_upload, self._broker, ticket))
            await self._stream(ticket, head)
        elif _takes_events(ticket) and accepts(head):
            self._sink.set_result(self._batches.put)
            await self._batches.run(ticket, head)
        else:
            body = await small_body(self._broker, ticket, head, self._max_message)
            await self._client.respond(head.status, head.headers, body)
            self._broker.complete(ticket)

    async def _pass(self, ticket: Ticket, head: ResponseHead) -> None:
        """The worker and the client speak with each other; an error can only end that."""
        self._record.status, self._record.started = 101, time.monotonic()
        tunnel: Tunnel = self._scope["extensions"]["prack"]["tunnel"](head.headers)
        reader = asyncio.create_task(self._pass_on(ticket, tunnel), name="tunnel-read")
        try:
            async for piece in pieces(self._broker, ticket, head):
                self._record.sent += len(piece)
                await tunnel.send(piece)
            self._broker.complete(ticket)
        except GatewayError as error:
            error.__traceback__ = None
            self._record.error = error.kind.code
        finally:
            reader.cancel()
            tunnel.close()

    async def _pass_on(self, ticket: Ticket, tunnel: Tunnel) -> None:
        while data := await tunnel.receive():
            self._record.taken += len(data)
            await self._broker.upload(ticket, data, False)
        await self._broker.upload(ticket, b"", True)

    async def _stream(self, ticket: Ticket, head: ResponseHead) -> None:
        await self._client.accept(head.headers)
        async for event in body_events(self._broker, ticket, head, self._max_message):
            await self._client.send(event)
        await self._client.close(1000, "")
        self._broker.complete(ticket)


async def _upload(broker: PublicSide, ticket: Ticket, event: Event | None) -> None:
    """To a worker with a stream; a client that is lost without a close is one that is gone."""
    if event is None:
        await broker.upload(ticket, b"", True)
    elif event.name == events.DISCONNECT:
        broker.leave(ticket)
    else:
        data = events.encode(*event)
        for start in range(0, len(data), PIECE):  # cut only once, however little room there is
            end = event.name == events.CLOSE and start + PIECE >= len(data)
            await broker.upload(ticket, data[start : start + PIECE], end)


def _takes_events(ticket: Ticket) -> bool:
    """The worker that took the handshake knows it as a first batch of events."""
    return ticket.assignment is not None and ticket.assignment.request.kind is Kind.EVENTS
