"""A stream's connection in the link's thread, where an application that blocks cannot stop it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

from prack.v1 import worker_pb2 as pb
from prack_worker.loops.pulse import Pulse
from prack_worker.stream.carrier import Carrier, Receiver

Parcel = tuple[tuple[bytes, ...], "asyncio.Future[None] | None"]


class Relay:
    """Implements `Line` by way of the link's thread, for carriers that belong to one loop."""

    def __init__(self, carrier: Carrier, pulse: Pulse) -> None:
        self.pulse = pulse
        self._loop = asyncio.get_running_loop()
        self._link = pulse.link
        self._carrier = carrier
        # On the link's loop:
        self._parcels: deque[Parcel] = deque()
        self._writer: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------ on the application's loop

    def open(self, receiver: Receiver) -> None:
        """See Line."""
        self._link.inbox.post(self._start, receiver)

    async def write(self, *frames: bytes) -> None:
        """See Line. Where the kernel takes more, this does not wait for the thread."""
        if self._carrier.write_now and not self._parcels:
            self._link.inbox.post(self._enqueue, frames, None)
        else:
            await self._flush(*frames)

    async def _flush(self, *frames: bytes) -> None:
        """Write these and everything before them."""
        written = self._loop.create_future()
        self._link.inbox.post(self._enqueue, frames, written)
        await written

    @property
    def write_now(self) -> Callable[[pb.WorkerFrame], object] | None:
        return self._post if self._carrier.write_now else None

    def _post(self, frame: pb.WorkerFrame) -> None:
        self._link.inbox.post(self._enqueue, (frame.SerializeToString(),), None)

    async def done_writing(self) -> None:
        await self._flush()
        await self._link.do(self._carrier.done_writing())

    async def close(self) -> None:
        await self._link.clean_up(self._end())

    # ------------------------------------------------------------ on the link's loop

    def _start(self, receiver: Receiver) -> None:
        self._tasks = [
            self._link.loop.create_task(self._guard(work, receiver), name="prack relay")
            for work in (self._read(receiver), self._write(), self.pulse.watch(self))
        ]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._carrier.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, work: Coroutine[object, object, None], receiver: Receiver) -> None:
        try:
            await work
        except Exception as error:
            self.pulse.inbox.post(receiver.broken, error)

    async def _read(self, receiver: Receiver) -> None:
        while (frame := await self._carrier.read()) is not None:
            self.pulse.heard()
            self.pulse.inbox.post(receiver.arrived, frame)
        self.pulse.inbox.post(receiver.broken, None)

    def _enqueue(self, frames: tuple[bytes, ...], written: asyncio.Future[None] | None) -> None:
        self._parcels.append((frames, written))
        _rouse(self._writer)

    async def _write(self) -> None:
        while True:
            while not self._parcels:
                self._writer = self._link.loop.create_future()
                await self._writer
            frames, written = self._parcels[0]
            if frames:
                self.pulse.said()
                await self._carrier.write(*frames)
            self._parcels.popleft()
            if written:
                self.pulse.inbox.post(_rouse, written)

    # ------------------------------------------------------------ its pulse

    @property
    def flows(self) -> bool:
        return not self._parcels

    def say(self, frame: pb.WorkerFrame) -> None:
        """See Body."""
        self._enqueue((frame.SerializeToString(),), None)

    def blocked(self, blocked: bool) -> None:
        """See Body. The link's thread reads and writes all the time."""


def _rouse(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
