"""Requests as `application/http` messages (RFC 9112), whose bodies flow while they come in.

A message that ends in the middle of its body ends without a valid end, so that no worker takes
the beginning of a body for all of it.
"""

import asyncio

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import EVENTS, Headers, Request
from prack_grpc.core.limits import PIECE
from prack_grpc.rest.leases import Leases, disconnect

# How long a worker may read nothing, in seconds.
PATIENCE = 60.0
MESSAGE = b"application/http; msgtype=request"
BYTES = b"application/octet-stream"
FRESH = (b"cache-control", b"no-store")


def encoded(request: Request) -> bytes:
    """Request line, fields and the empty line; the body follows as it is."""
    start = request.method, request.target, request.http_version
    lines = [b"%b: %b\r\n" % field for field in request.headers]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (*start, b"".join(lines))


def metadata(broker: WorkerSide, assignment: Assignment) -> Headers:
    """The fields that tell of a hand-out."""
    fields = [
        FRESH,
        (b"prack-id", assignment.identifier.encode()),
        (b"prack-attempt", b"%d" % assignment.attempt),
        (b"prack-deadline-ms", b"%d" % max(1, broker.remaining(assignment) * 1000)),
    ]
    if assignment.request.kind is EVENTS:
        fields.append((b"prack-websocket", b"events"))
    if (length := broker.body_length(assignment)) >= 0:
        fields.append((b"prack-body-length", b"%d" % length))
    return fields


class Handed(Response):
    """A hand-out in one piece, all of which is here."""

    def __init__(self, start: bytes, headers: Headers) -> None:
        self.status_code = 200
        self.background = None
        self.body = start
        self.raw_headers = [*headers, (b"content-type", MESSAGE)]
        self.raw_headers.append((b"content-length", b"%d" % len(start)))


class Delivery(Response):
    """`start`, then the request body as it comes in.

    With `owed`, the request is lost when the worker goes away before it has all of it.
    """

    def __init__(
        self,
        broker: WorkerSide,
        leases: Leases,
        assignment: Assignment,
        start: bytes,
        headers: Headers,
        media_type: bytes,
        owed: bool,
    ) -> None:
        self._broker = broker
        self._leases = leases
        self._assignment = assignment
        self._start = start
        self._owed = owed
        self.status_code = 200
        self.background = None
        self.raw_headers = [*headers, (b"content-type", media_type)]
        if (length := broker.body_length(assignment)) >= 0:
            self.raw_headers.append((b"content-length", b"%d" % (len(start) + length)))
        leases.reading.add(assignment)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        watch = asyncio.get_running_loop().create_task(disconnect(receive), name="delivery-watch")
        try:
            async with asyncio.timeout(None) as patience:
                complete = await self._deliver(send, watch, patience)
        except TimeoutError:
            complete = False
        finally:
            self._leases.reading.discard(self._assignment)
            watch.cancel()
        # A response that has no end is cut.
        if not complete and self._owed and self._broker.progress(self._assignment) is Work.LEASED:
            reason = "the worker disconnected while it received the request"
            self._broker.lost(self._assignment, reason)

    async def _deliver(
        self, send: Send, watch: asyncio.Task[None], patience: asyncio.Timeout
    ) -> bool:
        loop, broker, assignment = asyncio.get_running_loop(), self._broker, self._assignment

        async def pass_on(event: Message) -> None:
            patience.reschedule(loop.time() + PATIENCE)
            await send(event)
            patience.reschedule(None)

        start = {"status": self.status_code, "headers": self.raw_headers}
        await pass_on({"type": "http.response.start", **start})
        data = self._start
        last = assignment.bodiless
        if not last:
            broker.allow(assignment, UNBOUNDED)
        while not watch.done() and broker.progress(assignment) is not Work.CLOSED:
            if not last:
                piece = broker.take(assignment, PIECE)
                data, last = data + piece.data, piece.last
            if data or last:
                await pass_on({"type": "http.response.body", "body": data, "more_body": not last})
                data = b""
            else:
                await self._leases.event(assignment, watch)
            if last:
                return True
        return False
