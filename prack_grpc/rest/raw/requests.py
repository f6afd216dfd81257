"""Requests as `application/http` messages (RFC 9112), whose bodies flow while they come in.

A message that ends in the middle of its body ends without a valid end, so that no worker takes
the beginning of a body for all of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.broker.seam import Broker
from prack_grpc.core.exchange.exchange import Lease, Work
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.limits import KIB
from prack_grpc.rest.errors import NO_STORE
from prack_grpc.rest.leases import Port, disconnect

PIECE = 64 * KIB
# How long a worker may read nothing, in seconds.
PATIENCE = 60.0
MESSAGE = "application/http; msgtype=request"
BYTES = "application/octet-stream"


def encoded(request: Request) -> bytes:
    """Request line, fields and the empty line; the body follows as it is."""
    start = request.method, request.target, request.http_version
    lines = [b"%b: %b\r\n" % field for field in request.headers]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (*start, b"".join(lines))


def metadata(lease: Lease, now: float) -> dict[str, str]:
    """The headers that tell of a hand-out."""
    headers = {
        **NO_STORE,
        "Prack-Id": lease.identifier,
        "Prack-Attempt": str(lease.attempt),
        "Prack-Deadline-Ms": str(max(1, int((lease.expires_at - now) * 1000))),
    }
    if lease.exchange.request.kind is Kind.EVENTS:
        headers["Prack-Websocket"] = "events"
    length = body_length(lease)
    return headers if length < 0 else {**headers, "Prack-Body-Length": str(length)}


def body_length(lease: Lease) -> int:
    """Of the request body; -1 while nobody knows."""
    upload = lease.exchange.upload
    return upload.pushed if upload.ended else lease.exchange.request.body_length


class Delivery(Response):
    """`start`, then the request body as it comes in.

    With `owed`, the request is lost when the worker goes away before it has all of it.
    """

    def __init__(
        self,
        broker: Broker,
        lease: Lease,
        start: bytes,
        headers: dict[str, str],
        media_type: str,
        owed: bool,
    ) -> None:
        self._broker = broker
        self._lease = lease
        self._start = start
        self._owed = owed
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        length = body_length(lease)
        if length >= 0:
            headers = {**headers, "Content-Length": str(len(start) + length)}
        self.init_headers(headers)
        self._port: Port = lease.session.port
        self._port.reading.add(lease)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        watch = asyncio.get_running_loop().create_task(disconnect(receive), name="delivery-watch")
        try:
            async with asyncio.timeout(None) as patience:
                complete = await self._deliver(send, watch, patience)
        except TimeoutError:
            complete = False
        finally:
            self._port.reading.discard(self._lease)
            watch.cancel()
        if not complete:
            if self._owed and self._lease.state is Work.LEASED:
                reason = "the worker went away while it was sent the request"
                self._broker.lost(self._lease, reason)
            await cut(scope, receive)

    async def _deliver(
        self, send: Send, watch: asyncio.Task[None], patience: asyncio.Timeout
    ) -> bool:
        loop, upload = asyncio.get_running_loop(), self._lease.exchange.upload

        async def pass_on(event: dict[str, Any]) -> None:
            patience.reschedule(loop.time() + PATIENCE)
            await send(event)
            patience.reschedule(None)

        start = {"status": self.status_code, "headers": self.raw_headers}
        await pass_on({"type": "http.response.start", **start})
        data = self._start
        if not upload.drained:
            self._broker.allow(self._lease, UNBOUNDED)
        while not watch.done() and self._lease.state is not Work.CLOSED:
            data += self._broker.take(self._lease, PIECE)
            more = not upload.drained
            if data or not more:
                await pass_on({"type": "http.response.body", "body": data, "more_body": more})
                data = b""
            else:
                await self._port.event(self._lease, watch)
            if not more:
                return True
        return False


async def cut(scope: Scope, receive: Callable[[], Awaitable[Any]]) -> None:
    """End the connection without a valid end of the response, for which ASGI has no word."""
    transport = scope.get("prack.transport")
    if transport is not None:
        transport.abort()
        await disconnect(receive)
