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
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.limits import PIECE
from prack_grpc.private.errors import NO_STORE
from prack_grpc.rest.leases import Leases, disconnect

# How long a worker may read nothing, in seconds.
PATIENCE = 60.0
MESSAGE = "application/http; msgtype=request"
BYTES = "application/octet-stream"


def encoded(request: Request) -> bytes:
    """Request line, fields and the empty line; the body follows as it is."""
    start = request.method, request.target, request.http_version
    lines = [b"%b: %b\r\n" % field for field in request.headers]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (*start, b"".join(lines))


def metadata(broker: WorkerSide, assignment: Assignment) -> dict[str, str]:
    """The headers that tell of a hand-out."""
    headers = {
        **NO_STORE,
        "Prack-Id": assignment.identifier,
        "Prack-Attempt": str(assignment.attempt),
        "Prack-Deadline-Ms": str(max(1, int(broker.remaining(assignment) * 1000))),
    }
    if assignment.request.kind is Kind.EVENTS:
        headers["Prack-Websocket"] = "events"
    length = broker.body_length(assignment)
    return headers if length < 0 else {**headers, "Prack-Body-Length": str(length)}


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
        headers: dict[str, str],
        media_type: str,
        owed: bool,
    ) -> None:
        self._broker = broker
        self._leases = leases
        self._assignment = assignment
        self._start = start
        self._owed = owed
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        length = broker.body_length(assignment)
        if length >= 0:
            headers = {**headers, "Content-Length": str(len(start) + length)}
        self.init_headers(headers)
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
