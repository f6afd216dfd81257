"""What waits to be written to one worker, and how it is packed into frames.

House rules (proto/README.md sections 1 and 5): what queued up in one turn of the loop is written
at its end; while that is in flight, or where a frame has its price, one writer waits and takes what
queued up meanwhile; there is no timer; what steers goes before body bytes; exchanges take turns.
"""

import asyncio
from collections.abc import Callable
from itertools import chain

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Request
from prack_grpc.core.limits import PIECE, Limits
from prack_grpc.core.receivers import CancelReason

MAX_EVENTS = 32
MAX_BYTES = PIECE
# With so many requests a worker can begin while the gateway goes on with others.
BATCH = 8
MAX_BODIES = 3  # frames of body bytes that one write takes beside its first frame


class Outbox:
    """Implements `core.receivers.WorkReceiver` for one stream.

    `held` has what the worker was sent and has not ended, by its number; `last_sent` is the number
    of the last.
    """

    def __init__(self, broker: WorkerSide, limits: Limits, window: int) -> None:
        self._broker = broker
        self._limits = limits
        self._window = window
        self.held: dict[int, Assignment] = {}
        self.last_sent = 0
        self._control = self._new_frame()
        self._has_control = False
        self._grants: dict[int, int] = {}
        # What was not yet written; False if nobody wants it any more.
        self._requests: dict[Assignment, bool] = {}
        self._uploads: dict[Assignment, None] = {}
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._write_now: Callable[[], None] | None = None
        self._due = False  # it is called when the turn ends
        self._packing = False
        self.closed = False

    # ------------------------------------------------------------ WorkReceiver

    def deliver(self, assignment: Assignment) -> None:
        requests = self._requests
        if not requests:
            self._rouse()  # as long as there is one, the writer is awake
        requests[assignment] = True
        if len(requests) >= BATCH and not self._packing and self._write_now is not None:
            self._write_now()

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver. A request that was not yet written is never written."""
        self._uploads.pop(assignment, None)
        self._grants.pop(assignment.number, None)
        if assignment in self._requests:
            self._requests[assignment] = False
        else:
            self.control().cancels.add(id=assignment.number, reason=reason.value)
        self._rouse()

    def uploaded(self, assignment: Assignment) -> None:
        if assignment not in self._requests:
            self._uploads[assignment] = None
            self._rouse()

    def grant(self, assignment: Assignment, offset: int) -> None:
        self._grants[assignment.number] = offset
        self._rouse()

    # ------------------------------------------------------------ the stream

    def open(self, write_now: Callable[[], None]) -> None:
        """The stream is there; this writes a frame, if that is wise and need not wait."""
        self._write_now = write_now

    def control(self) -> pb.GatewayFrame:
        """The frame that goes out next, for events that steer."""
        self._has_control = True
        self._rouse()
        return self._control

    def allow(self, number: int, offset: int) -> None:
        """The worker takes request body up to this offset."""
        if assignment := self.held.get(number):
            self._broker.allow(assignment, offset)
            self.uploaded(assignment)

    def close(self) -> list[Assignment]:
        """Only what steers is still written. Returns the requests that never will be."""
        self.closed = True
        unsent = [assignment for assignment, wanted in self._requests.items() if wanted]
        self._requests.clear()
        self._uploads.clear()
        self._write_now = None  # it holds the stream, which holds this
        self._rouse()
        return unsent

    def _rouse(self) -> None:
        """There is something to write."""
        if self._write_now is None:
            self._wake.set()
        elif not self._due:
            self._due = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """What nobody has to wait for needs no writer."""
        self._due = False
        if self._write_now is not None:
            self._write_now()
        if self._has_control or self._grants or self._requests or self._uploads:
            self._wake.set()

    async def wait(self) -> None:
        """Return when there may be something to write that `open` could not."""
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
        self._control, self._has_control = self._new_frame(), False
        return frame

    def _new_frame(self) -> pb.GatewayFrame:
        """What is to be written next, with nothing in it."""
        return pb.GatewayFrame()

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
        events, size, requests = 0, 0, self._requests
        while requests and events < MAX_EVENTS and size < MAX_BYTES:
            assignment = next(iter(requests))
            if requests.pop(assignment):
                size += self._request(frame, assignment)
                events += 1
            else:
                self._broker.abort(assignment, AbortCode.CANCELLED, "")
        while self._uploads and events < MAX_EVENTS and size < MAX_BYTES:
            assignment = next(iter(self._uploads))
            del self._uploads[assignment]
            added = self._upload(frame, assignment)
            size += added
            events += added > 0
        return events

    def _request(self, frame: pb.GatewayFrame, assignment: Assignment) -> int:
        request, number = assignment.request, assignment.number
        self.held[number] = assignment
        self.last_sent = number
        message = frame.requests.add()  # arguments in place of what follows would cost more
        if size := len(request.packed):
            message.MergeFromString(request.packed)
        else:
            size = _pack_head(message, request)
        message.id = number
        message.request_id = assignment.request_id
        message.attempt = assignment.attempt
        message.deadline_ms = max(1, int(self._broker.remaining(assignment) * 1000))
        message.queued_ms = int(assignment.queued * 1000)
        if request.kind:
            _upgrade(message, assignment)
        if assignment.bodiless:
            message.end = True
            return size
        return size + self._first_body(message, assignment)

    def _first_body(self, message: pb.Request, assignment: Assignment) -> int:
        """The part of the request body that is here, as far as the worker takes it."""
        request = assignment.request
        if not request.expects:
            self._broker.allow(assignment, self._window)
        piece = self._broker.take(assignment, self._limits.inline_body)
        message.body = piece.data
        message.body_length = request.body_length
        message.expect_continue = request.expects
        message.end = piece.last
        if piece.more:
            self._uploads[assignment] = None
        return len(piece.data)

    def _upload(self, frame: pb.GatewayFrame, assignment: Assignment) -> int:
        number = assignment.number
        piece = self._broker.take(assignment, self._limits.chunk)
        if piece.data:
            frame.data.add(id=number, data=piece.data)
        if piece.more:
            self._uploads[assignment] = None
        if piece.last:
            frame.finishes.add(id=number)
        return len(piece.data) + piece.last


def _pack_head(message: pb.Request, request: Request) -> int:
    """What the client has sent before a body. Returns how many bytes that are, roughly."""
    fields: list[bytes] = []
    for field in request.headers:  # which takes less than a chain of them
        fields += field
    message.method = request.method
    message.scheme = request.scheme
    message.authority = request.authority
    message.target = request.target
    message.http_version = request.http_version
    message.headers.extend(fields)
    client = message.client
    client.ip, client.port = request.client
    return len(request.target) + len(b"".join(fields))


def _upgrade(message: pb.Request, assignment: Assignment) -> None:
    """A WebSocket: as events, or in a tunnel whose worker needs the handshake."""
    if assignment.profile.tunnel:
        message.upgrade = pb.UPGRADE_TUNNEL
        message.headers.extend(chain.from_iterable(assignment.request.handshake))
    else:
        message.upgrade = pb.UPGRADE_WEBSOCKET
