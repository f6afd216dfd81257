"""A WebSocket whose workers hold nothing of it: each batch of its events is a request of its own.

This is the public WebSocket-over-HTTP protocol, as far as docs/rest.md describes it. House rules:
one batch of a WebSocket is out at a time, and what its client says meanwhile is in the next one;
what workers want to remember is kept here, within bounds; a worker that accepted is told of the
end, unless it was the one to say so.
"""

import asyncio
import contextlib
import dataclasses
import math
import re
import secrets

from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket, another
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers, Kind, Request, ResponseHead
from prack_grpc.core.limits import KIB, Limits
from prack_grpc.gateway.websocket.answer import body_events, final_head
from prack_grpc.gateway.websocket.client import SERVICE_RESTART, WebSocketClient
from prack_wire import websocket_events as events
from prack_wire.websocket_events import BadEvents, Event

MEDIA = b"application/websocket-events"
META, SET_META = b"meta-", b"set-meta-"
KEEP_ALIVE = b"keep-alive-interval"
INTERVAL = re.compile(rb"[1-9][0-9]{0,5}")
# What a batch says of itself; and one key of idempotency cannot stand for several requests.
OWN = frozenset(
    (b"accept", b"connection-id", b"content-length", b"content-type", b"idempotency-key")
)
# Fields of an answer that are not for the client.
PRIVATE = frozenset((b"content-length", b"content-type", KEEP_ALIVE))
# Bytes of events that wait while a batch is out; from here on the client is not read.
WAITING = 256 * KIB
# Bytes of names and values that are kept for the workers of one WebSocket.
MAX_META = 8 * KIB
# The shortest interval of empty batches, in seconds: thousands of WebSockets may have one.
MIN_KEEP_ALIVE = 20


def accepts(head: ResponseHead) -> bool:
    """This answers with events; any other answer refuses the handshake."""
    media = next((value for name, value in head.headers if name == b"content-type"), b"")
    return head.status == 200 and media.partition(b";")[0].strip().lower() == MEDIA


class Batches:
    """One WebSocket on its way through workers that take events."""

    _request: Request  # what all batches have in common

    def __init__(self, broker: PublicSide, client: WebSocketClient, limits: Limits) -> None:
        self._broker = broker
        self._client = client
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self._id = secrets.token_hex(16).encode()
        self._meta: dict[bytes, bytes] = {}
        self._keep_alive = math.inf
        self._heard_at = 0.0  # when one side has said something
        self._waiting = bytearray()
        self._came, self._room = asyncio.Event(), asyncio.Event()
        self._closing = self._lost = self._stopping = False
        self._owes_end = False  # a worker accepted, and does not know of the end

    def opening(self, request: Request) -> tuple[Request, bytes]:
        """The first batch, and what is in it, for the handshake of this request."""
        headers = [field for field in request.headers if not _is_own(field[0])]
        self._request = dataclasses.replace(
            request, method=b"POST", headers=headers, kind=Kind.EVENTS, trace=None
        )
        batch = events.encode(events.OPEN)
        opening = self._asking(batch)
        opening.trace = request.trace
        return opening, batch

    async def put(self, event: Event | None) -> None:
        """The client has said this. Waits while too much of it waits."""
        if event is not None and event.name != events.DISCONNECT:
            self._waiting += events.encode(*event)
            self._closing = event.name == events.CLOSE
        self._lost = event is None or event.name == events.DISCONNECT
        self._heard_at = self._now()
        self._came.set()
        while len(self._waiting) >= WAITING:
            self._room.clear()
            await self._room.wait()

    def stop(self) -> None:
        """The gateway stops."""
        self._stopping = True
        self._came.set()

    async def run(self, ticket: Ticket, head: ResponseHead) -> None:
        """Serve it, from the answer to the first batch on.

        Raises GatewayError, BadEvents or ClientGone.
        """
        await self._take(ticket, head)
        while self._owes_end and (batch := await self._gather()) is not None:
            await self._exchange(batch)

    async def part(self) -> None:
        """It has ended: tell a worker, if that is owed and there is one."""
        if self._owes_end:
            with contextlib.suppress(GatewayError, BadEvents):
                await self._exchange(events.encode(events.DISCONNECT))

    async def _gather(self) -> bytes | None:
        """The next batch, an empty one if nothing came; None when the client is lost."""
        silent_at = self._heard_at + self._limits.websocket_idle
        until = min(silent_at, self._now() + self._keep_alive)
        while not (self._waiting or self._lost or self._stopping):
            self._came.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._came.wait()
            except TimeoutError:
                if until == silent_at:
                    raise GatewayError(errors.DEADLINE, "the WebSocket was silent") from None
                return b""
        if self._stopping:
            raise GatewayError(errors.SHUTDOWN)
        batch = bytes(self._waiting)
        self._waiting.clear()
        self._room.set()
        self._owes_end = not self._closing
        return batch or None

    async def _exchange(self, batch: bytes) -> None:
        ticket = self._broker.submit(self._asking(batch), batch, True)
        try:
            await self._take(ticket, await _events_head(ticket))
        except ClientGone:
            pass  # what it said before is still passed on
        except BadEvents as error:
            self._broker.fail(ticket, GatewayError(errors.BAD_RESPONSE, str(error)))
            raise
        finally:
            self._broker.leave(ticket)

    async def _take(self, ticket: Ticket, head: ResponseHead) -> None:
        """Pass on an answer."""
        self._remember(head.headers)
        limit = self._limits.websocket_message
        async for event in body_events(self._broker, ticket, head, limit):
            self._heard_at = self._now()
            if (event.name == events.OPEN) == self._client.accepted:
                raise BadEvents("OPEN must be the first event of the first answer, and only there")
            if event.name == events.OPEN:
                self._owes_end = True
                await self._client.accept(_public(head.headers))
            elif event.name == events.DISCONNECT:
                await self._client.close(SERVICE_RESTART, "")
            else:
                await self._client.send(event)
            if event.name in (events.CLOSE, events.DISCONNECT):
                self._owes_end = False
        if not self._client.accepted:
            raise BadEvents("the first answer has no OPEN")
        self._broker.complete(ticket)

    def _asking(self, batch: bytes) -> Request:
        fields = (
            (b"accept", MEDIA),
            (b"content-type", MEDIA),
            (b"content-length", b"%d" % len(batch)),
            (b"connection-id", self._id),
            *self._meta.items(),
        )
        headers = [*self._request.headers, *fields]
        id_, length = another(self._request.id), len(batch)
        return dataclasses.replace(self._request, id=id_, headers=headers, body_length=length)

    def _remember(self, headers: Headers) -> None:
        """What an answer says of the batches that follow. An empty value is forgotten."""
        for name, value in headers:
            if name.startswith(SET_META):
                self._meta[META + name[len(SET_META) :]] = value
            elif name == KEEP_ALIVE:
                known = INTERVAL.fullmatch(value)
                self._keep_alive = max(MIN_KEEP_ALIVE, int(value)) if known else math.inf
        self._meta = {name: value for name, value in self._meta.items() if value}
        if sum(len(name) + len(value) for name, value in self._meta.items()) > MAX_META:
            raise BadEvents(f"more than {MAX_META} bytes of Set-Meta")


async def _events_head(ticket: Ticket) -> ResponseHead:
    try:
        head = await final_head(ticket)
    except GatewayError as error:
        if error.kind is not errors.DEADLINE:
            raise
        # Nothing else tells that a worker without a connection is gone.
        raise GatewayError(errors.WORKER_LOST) from None
    if not accepts(head):
        raise BadEvents(f"status {head.status}, expected 200 and {MEDIA.decode()}")
    return head


def _is_own(name: bytes) -> bool:
    return name in OWN or name.startswith(META)


def _public(headers: Headers) -> Headers:
    return [f for f in headers if f[0] not in PRIVATE and not f[0].startswith(SET_META)]
