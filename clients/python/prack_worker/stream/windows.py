"""Limits and windows of the worker protocol (proto/README.md, sections 4.5 and 5), in bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prack.v1 import worker_pb2 as pb
from prack_worker.stream.outbox import Outbox

MAX_CHUNK = 64 * 1024
DEFAULT_WINDOW = 256 * 1024  # of a gateway that does not say
OUR_WINDOW = 512 * 1024  # half of it is one grant, and fills one message of gRPC
MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway takes."""

    chunk: int
    window: int
    head: int

    @classmethod
    def of(cls, limits: pb.Limits) -> Limits:
        return cls(
            limits.max_chunk_bytes or MAX_CHUNK,
            limits.initial_window or DEFAULT_WINDOW,
            limits.max_header_bytes or MAX_HEAD,
        )


OURS = pb.Limits(max_chunk_bytes=MAX_CHUNK, initial_window=OUR_WINDOW, max_header_bytes=MAX_HEAD)


class RequestWindow:
    """Grants more of a request body once half of the window has been read.

    A client that waits for `100 Continue` may send nothing before the first grant, which comes
    with the first read (section 4.11).
    """

    __slots__ = ("_granted", "_id", "_outbox", "_read")

    def __init__(self, identifier: int, outbox: Outbox, *, waits: bool = False) -> None:
        self._id = identifier
        self._outbox = outbox
        self._read = 0
        self._granted = 0 if waits else OUR_WINDOW

    def consumed(self, size: int) -> None:
        self._read += size
        if self._granted - self._read <= OUR_WINDOW // 2:
            self._granted = self._read + OUR_WINDOW
            self._outbox.steer().windows.add(id=self._id, max_offset=self._granted)


class ResponseWindow:
    """How many body bytes of one response may still be sent, and how many were."""

    __slots__ = ("_changed", "_max_offset", "sent")

    def __init__(self, size: int) -> None:
        self.sent = 0
        self._max_offset = size
        self._changed: asyncio.Event | None = None

    def left(self) -> int:
        return self._max_offset - self.sent

    def use(self, size: int) -> None:
        self.sent += size

    def widen(self, max_offset: int) -> None:
        self._max_offset = max(max_offset, self._max_offset)
        self.wake()

    def wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    async def change(self) -> None:
        """Wait for `widen` or `wake`."""
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()
