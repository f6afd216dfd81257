"""What waits to be written to one stream, packed into as few frames as possible.

A frame has its price, whatever is in it (over gRPC 0.5 ms of CPU), so there is one writer, and it
takes everything that queued up while its last write was in flight (proto/README.md, section 1).
No timer: an idle stream sends one event at once, a busy one sends full frames. Where a frame costs
little, its sender takes one as soon as `enough` waits, for the gateway works on those answers while
the application makes the next ones, or else when the turn of the loop ends.

Slots and windows bound what can wait here, so there is no further limit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from prack.v1.worker_pb2 import WorkerFrame

MAX_EVENTS = 32
MAX_BYTES = 64 * 1024
MAX_BODIES = 3  # frames of body bytes that one write takes beside its first frame
ENOUGH = 8


class Head:
    """A response head, and the body bytes that ride in it.

    (Not a `ResponseHead`: made in its frame, that costs half as much.)

    Attributes:
        fields: flat, as the wire has them.
        size: bytes of the fields and of the body.
        end: this is the whole response.
    """

    __slots__ = ("body", "end", "fields", "size", "status")

    def __init__(self, status: int, fields: list[bytes], size: int) -> None:
        self.status = status
        self.fields = fields
        self.size = size
        self.body = b""
        self.end = False


class Outgoing:
    """The part of one response that was not written yet.

    Attributes:
        head: the head, until it was taken; body bytes that come in time ride in it.
        early: heads that go before it.
        chunks: body bytes, each piece small enough for one event.
        finish: a `Finish` follows the chunks.
        trailers: of that `Finish`, flat.
        queued: an outbox holds this response.
    """

    __slots__ = (
        "chunks",
        "early",
        "finish",
        "head",
        "id",
        "queued",
        "trailers",
    )

    def __init__(self, identifier: int) -> None:
        self.id = identifier
        self.head: Head | None = None
        self.early: list[Head] = []
        self.chunks: list[bytes] = []
        self.finish = False
        self.trailers: list[bytes] = []
        self.queued = False

    def has_head(self) -> bool:
        return self.head is not None or bool(self.early)

    def next_head(self) -> Head | None:
        if self.early:
            return self.early.pop(0)
        head, self.head = self.head, None
        return head

    def drop(self) -> None:
        self.head = None
        self.early.clear()
        self.chunks.clear()
        self.finish = False


class Outbox:
    """Events in the order in which they may go: steering, then heads, then body bytes by turns."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._write_now: Callable[[], object] | None = None
        self._due = False  # the turn has an end that is waited for
        self._control = WorkerFrame()
        self._steers = False
        self._heads: deque[Outgoing] = deque()
        self._bodies: deque[Outgoing] = deque()
        self._waiting = asyncio.Event()
        self._closed = False

    def open(self, write_now: Callable[[], object]) -> None:
        """This takes a frame and writes it, if a frame costs little and need not wait."""
        self._write_now = write_now

    def steer(self) -> WorkerFrame:
        """The next frame, for events that overtake body bytes: aborts, windows, drain ..."""
        self._steers = True
        self._rouse()
        return self._control

    def add(self, response: Outgoing) -> None:
        """Queue a response that has something to send; a queued one keeps its turn."""
        if not response.queued:
            response.queued = True
            (self._heads if response.has_head() else self._bodies).append(response)
            self._rouse()

    def _rouse(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Only what could not be written now wakes who waits for it."""
        self._due = False
        if self._waits() and self._write_now is not None and not self._closed:
            self._write_now()
        if self._waits():
            self._waiting.set()

    def _waits(self) -> bool:
        return bool(self._steers or self._heads or self._bodies)

    def close(self) -> None:
        """Nothing more will be added: `next_frame` returns None once all was taken."""
        self._closed = True
        self._waiting.set()

    def enough(self, last: bool) -> bool:
        """Whether enough waits for a frame of its own, on a carrier where frames are cheap.

        Anything, if it is the `last` for now.
        """
        return (last or len(self._heads) + len(self._bodies) >= ENOUGH) and not self._closed

    async def next_frame(self) -> WorkerFrame | None:
        """Wait for something to send, then take as much as fits one frame."""
        while not self._waiting.is_set():  # somebody may have taken it after the wake-up
            await self._waiting.wait()
        frame = self.take()
        if self._closed and not (self._heads or self._bodies or frame.ByteSize()):
            return None
        return frame

    def take(self) -> WorkerFrame:
        """As much of what waits now as fits one frame."""
        frame, self._control, self._steers = self._control, WorkerFrame(), False
        self._pack(frame)
        self._settle()
        return frame

    def _settle(self) -> None:
        if not (self._waits() or self._closed):
            self._waiting.clear()

    def bodies(self) -> list[bytes]:
        """What waits of bodies after `next_frame`, as frames for the same write.

        They are encoded one by one: protobuf takes ten times as long for one of 256 KiB.
        """
        frames: list[bytes] = []
        while self._bodies and not self._heads and len(frames) < MAX_BODIES:
            frame = WorkerFrame()
            self._pack(frame)
            frames.append(frame.SerializeToString())
        self._settle()
        return frames

    def _pack(self, frame: WorkerFrame) -> None:
        events = size = 0
        while events < MAX_EVENTS and size < MAX_BYTES:
            if self._heads:
                size += self._take_head(frame)
            elif self._bodies:
                size += self._take_body(frame)
            else:
                break
            events += 1

    def _take_head(self, frame: WorkerFrame) -> int:
        response = self._heads.popleft()
        head = response.next_head()
        self._requeue(response)
        if head is None:
            return 0
        frame.heads.add(
            id=response.id, status=head.status, headers=head.fields, body=head.body, end=head.end
        )
        return head.size

    def _take_body(self, frame: WorkerFrame) -> int:
        response = self._bodies.popleft()
        chunk = response.chunks.pop(0) if response.chunks else b""
        if chunk:
            frame.data.add(id=response.id, data=chunk)
        if response.finish and not response.chunks:
            response.finish = False
            frame.finishes.add(id=response.id, trailers=response.trailers)
        self._requeue(response)
        return len(chunk)

    def _requeue(self, response: Outgoing) -> None:
        if response.has_head():
            self._heads.append(response)
        elif response.chunks or response.finish:
            self._bodies.append(response)
        else:
            response.queued = False
