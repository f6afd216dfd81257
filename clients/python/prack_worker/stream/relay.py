"""A stream's connection in the link's thread, where an application that blocks cannot stop it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.loops.link import Link
from prack_worker.loops.mailbox import Mailbox
from prack_worker.stream.carrier import Carrier

TICKS = 3  # of the pulse for each heartbeat that the gateway asks for

News = pb.GatewayFrame | Exception | None
Parcel = tuple[tuple[bytes, ...], "asyncio.Future[None] | None"]


class Relay:
    """Implements `Carrier` on the application's loop, by way of another one in the link's thread.

    There it also sends heartbeats, gives up a gateway that is silent, and has it send nothing more
    while the application blocks its loop.

    Args:
        capacity: that of the hello.
        beat: seconds; the longest silence of this worker.
        max_silence: seconds without a word from the gateway, or with one that it does not take.
    """

    def __init__(
        self, link: Link, carrier: Carrier, capacity: pb.Capacity, beat: float, max_silence: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._outbox = Mailbox(self._loop)
        self._carrier = carrier
        self._tick = min(beat, max_silence) / TICKS
        self._max_silence = max_silence
        # On the application's loop:
        self.capacity = capacity
        self._news: deque[News] = deque()
        self._reader: asyncio.Future[None] | None = None
        # On the link's:
        self._parcels: deque[Parcel] = deque()
        self._writer: asyncio.Future[None] | None = None
        self._unheard = self._unsaid = self._unanswered = 0  # ticks
        self._offered = True  # all slots, and not the least that a worker can have
        self._tasks: list[asyncio.Task[None]] = []
        link.inbox.post(self._start)

    # ------------------------------------------------------------ on the application's loop

    async def read(self) -> pb.GatewayFrame | None:
        while not self._news:
            self._reader = self._loop.create_future()
            await self._reader
        news = self._news.popleft()
        if isinstance(news, Exception):
            raise news
        return news

    def _arrive(self, news: News) -> None:
        self._news.append(news)
        _rouse(self._reader)

    async def write(self, *frames: bytes) -> None:
        """See Carrier. Where the kernel takes more, this does not wait for the thread."""
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

    def _start(self) -> None:
        self._tasks = [
            self._link.loop.create_task(self._guard(work), name="prack relay")
            for work in (self._read(), self._write(), self._watch())
        ]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._carrier.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:
            self._outbox.post(self._arrive, error)

    async def _read(self) -> None:
        while (frame := await self._carrier.read()) is not None:
            self._unheard = 0
            self._outbox.post(self._arrive, frame)
        self._outbox.post(self._arrive, None)

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
                self._unsaid = 0
                await self._carrier.write(*frames)
            self._parcels.popleft()
            if written:
                self._outbox.post(_rouse, written)

    async def _watch(self) -> None:
        """Count ticks, not seconds: a process that was stopped must first read what has come."""
        for nonce in itertools.count(1):
            await asyncio.sleep(self._tick)
            self._unheard += 1
            self._unsaid += 1
            self._unanswered += 1
            if max(self._unheard, self._unsaid) * self._tick > self._max_silence:
                raise ConnectFailed(f"the connection was silent for {self._max_silence:g} s")
            if self._unanswered == 1:
                self._outbox.post(self._link.inbox.post, self._answered)
            elif self._offered:
                self._offer(False)
            if self._unsaid >= TICKS - 1 and not self._parcels:
                self._say(pb.WorkerFrame(heartbeat=pb.Heartbeat(nonce=nonce)))

    def _answered(self) -> None:
        """The application's loop goes on."""
        self._unanswered = 0
        if not self._offered:
            self._offer(True)

    def _offer(self, all_slots: bool) -> None:
        """A worker that blocks holds a request at least: with one slot it gets no other."""
        self._offered = all_slots
        capacity = self.capacity if all_slots else pb.Capacity(max_in_flight=1)
        self._say(pb.WorkerFrame(capacity=capacity))

    def _say(self, frame: pb.WorkerFrame) -> None:
        self._enqueue((frame.SerializeToString(),), None)


def _rouse(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
