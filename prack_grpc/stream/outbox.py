"""What waits to be written to one worker, and how it is packed into frames.

House rules (proto/README.md sections 1 and 5): one writer takes what queued up while its last
write was in flight; there is no timer; what steers goes before body bytes; exchanges take turns.
"""

import asyncio
from collections.abc import Callable
from itertools import chain

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import Broker
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Lease, Work
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.limits import Limits

MAX_EVENTS = 32
MAX_BYTES = 64 * 1024
# With so many requests a worker can begin while the gateway goes on with others.
BATCH = 8
MAX_BODIES = 3  # frames of body bytes that one write takes beside its first frame


class Outbox:
    """Implements `broker.base.WorkerPort` for one stream."""

    def __init__(
        self, broker: Broker, limits: Limits, window: int, now: Callable[[], float]
    ) -> None:
        self._broker = broker
        self._limits = limits
        self._window = window
        self._now = now
        self._control = pb.GatewayFrame()
        self._has_control = False
        self._grants: dict[int, int] = {}
        self._requests: dict[Lease, None] = {}
        self._uploads: dict[Lease, None] = {}
        self._wake = asyncio.Event()
        self._write_now: Callable[[], None] | None = None
        self._packing = False
        self.closed = False

    # ------------------------------------------------------------ WorkerPort

    def deliver(self, lease: Lease) -> None:
        """See WorkerPort."""
        self._requests[lease] = None
        self._wake.set()
        if len(self._requests) >= BATCH and not self._packing and self._write_now is not None:
            self._write_now()

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        """See WorkerPort. A request that was not yet written is never written."""
        self._uploads.pop(lease, None)
        self._grants.pop(lease.number, None)
        if lease not in self._requests:
            self.control().cancels.add(id=lease.number, reason=reason.value)
        self._wake.set()

    def uploaded(self, lease: Lease) -> None:
        """See WorkerPort."""
        if lease not in self._requests and not lease.upload_sent:
            self._uploads[lease] = None
            self._wake.set()

    def grant(self, lease: Lease, offset: int) -> None:
        """See WorkerPort."""
        self._grants[lease.number] = offset
        self._wake.set()

    # ------------------------------------------------------------ the stream

    def open(self, write_now: Callable[[], None]) -> None:
        """The stream is there; this writes a frame before the loop's turn ends, if that is wise."""
        self._write_now = write_now

    def control(self) -> pb.GatewayFrame:
        """The frame that goes out next, for events that steer."""
        self._has_control = True
        self._wake.set()
        return self._control

    def allow(self, lease: Lease, offset: int) -> None:
        """The worker takes request body up to this offset."""
        self._broker.allow(lease, offset)
        self.uploaded(lease)

    def holds(self, lease: Lease) -> bool:
        """This request was not yet written."""
        return lease in self._requests

    def close(self) -> list[Lease]:
        """Only what steers is still written. Returns the requests that never will be."""
        self.closed = True
        unsent = list(self._requests)
        self._requests.clear()
        self._uploads.clear()
        self._wake.set()
        return unsent

    async def wait(self) -> None:
        """Return when there may be something to write: what came in one turn of the loop."""
        if not self.closed:
            await self._wake.wait()

    def next_frame(self) -> pb.GatewayFrame | None:
        """The next frame, None if there is nothing to say."""
        frame, steers = self._control, self._has_control
        for number, offset in self._grants.items():
            frame.windows.add(id=number, max_offset=offset)
            steers = True
        self._grants.clear()
        events = self._pack(frame)
        if not (self._requests or self._uploads):
            self._wake.clear()
        if not (events or steers):
            return None
        self._control, self._has_control = pb.GatewayFrame(), False
        return frame

    def bodies(self) -> list[bytes]:
        """What waits of request bodies after `next_frame`, as frames for the same write.

        They are encoded one by one: protobuf takes ten times as long for one of 256 KiB.
        """
        frames: list[bytes] = []
        while self._uploads and not self._requests and len(frames) < MAX_BODIES:
            frame = pb.GatewayFrame()
            self._pack(frame)
            frames.append(frame.SerializeToString())
        return frames

    def _pack(self, frame: pb.GatewayFrame) -> int:
        """Add requests, then request bodies, until the frame is full. Returns their number.

        A request that was cancelled gives its slot back, and that may deliver another one: it joins
        this frame or the next, but writes none.
        """
        self._packing = True
        try:
            return self._fill(frame)
        finally:
            self._packing = False

    def _fill(self, frame: pb.GatewayFrame) -> int:
        events = size = 0
        while self._requests and events < MAX_EVENTS and size < MAX_BYTES:
            lease = next(iter(self._requests))
            del self._requests[lease]
            if lease.cancelled:
                self._broker.abort(lease, AbortCode.CANCELLED, "")
                continue
            size += self._request(frame, lease)
            events += 1
        while self._uploads and events < MAX_EVENTS and size < MAX_BYTES:
            lease = next(iter(self._uploads))
            del self._uploads[lease]
            if lease.state in (Work.LEASED, Work.ANSWERING):
                added = self._upload(frame, lease)
                size += added
                events += added > 0
        return events

    def _request(self, frame: pb.GatewayFrame, lease: Lease) -> int:
        exchange = lease.exchange
        request, upload = exchange.request, exchange.upload
        fields = list(chain.from_iterable(request.headers))
        message = frame.requests.add(
            id=lease.number,
            request_id=exchange.id,
            attempt=lease.attempt,
            deadline_ms=max(1, int((lease.expires_at - self._now()) * 1000)),
            queued_ms=int((exchange.leased_at - exchange.accepted_at) * 1000),
            method=request.method,
            scheme=request.scheme,
            authority=request.authority,
            target=request.target,
            http_version=request.http_version,
            headers=fields,
        )
        message.client.ip, message.client.port = request.client
        if request.kind:
            message.upgrade = pb.UPGRADE_WEBSOCKET
        size = len(request.target) + sum(map(len, fields))
        if upload is NO_BODY:
            message.end = lease.upload_sent = True
            return size
        return size + self._first_body(message, lease)

    def _first_body(self, message: pb.Request, lease: Lease) -> int:
        """The part of the request body that is here, as far as the worker takes it."""
        request, upload = lease.exchange.request, lease.exchange.upload
        upload.allow(0 if request.expects else self._window)
        message.body = self._broker.take(lease, self._limits.inline_body)
        message.body_length = request.body_length
        message.expect_continue = request.expects
        message.end = lease.upload_sent = upload.drained
        if not upload.drained and upload.ready:
            self._uploads[lease] = None
        return len(message.body)

    def _upload(self, frame: pb.GatewayFrame, lease: Lease) -> int:
        upload = lease.exchange.upload
        data = self._broker.take(lease, self._limits.chunk)
        if data:
            frame.data.add(id=lease.number, data=data)
        if upload.ready:
            self._uploads[lease] = None
        elif upload.drained:
            lease.upload_sent = True
            frame.finishes.add(id=lease.number)
            return len(data) + 1
        return len(data)
