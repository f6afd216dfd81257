"""A plain connection that the application's loop reads and writes itself, as long as it can.

By way of the link's thread, each request and each answer would wait for another thread to wake.
So that thread takes over only what an application that blocks its loop leaves undone: what the
kernel did not take at once, signs of life, and reading, or a gateway with much to say would see a
worker that does not read.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_wire.frames import LENGTH, Deframer, FrameTooLong
from prack_worker.errors import ConnectFailed
from prack_worker.loops.pulse import Pulse
from prack_worker.stream.carrier import Receiver

READ = 64 * 1024  # bytes at a time; then others have their turn


class Direct:
    """Implements `Line` on a socket that no transport has. `incoming` is what was read of it.

    A lock keeps the bytes in order, in both directions, whichever thread reads or writes; what was
    read is taken on the application's loop only.
    """

    def __init__(self, sock: socket.socket, incoming: Deframer, pulse: Pulse) -> None:
        self.pulse = pulse
        self._loop = asyncio.get_running_loop()
        self._link = pulse.link
        self._sock = sock
        self._lock = threading.Lock()
        self._incoming = incoming
        self._news: deque[bytes | ConnectFailed | None] = deque()
        self._ended = False  # there is nothing more to read
        self._unsent = bytearray()  # what the kernel did not take: the link's thread has the rest
        self._room: asyncio.Future[None] | None = None  # somebody waits until that is written
        self._watch: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ on the application's loop

    def open(self, receiver: Receiver) -> None:
        """See Line."""
        self._receiver = receiver
        self._unpack()
        self._loop.call_soon(self._take)
        self._loop.add_reader(self._sock, self._read)
        self._link.inbox.post(self._start)

    def _read(self) -> None:
        self._fetch()
        self._take()

    def _take(self) -> None:
        """Hand over what was read, by whomever."""
        while self._news:
            message = self._news.popleft()
            if not isinstance(message, bytes):
                self._give_up(message)
                return
            try:
                frame = pb.GatewayFrame.FromString(message)
            except DecodeError as error:
                self._give_up(invalid(error))
                return
            self._receiver.arrived(frame)

    def _give_up(self, error: ConnectFailed | None) -> None:
        """Read nothing more."""
        self._ended = True
        self._news.clear()
        self._loop.remove_reader(self._sock)
        self._receiver.broken(error)

    async def write(self, *frames: bytes) -> None:
        """See Line."""
        self._send(*frames)
        await self._flushed()

    async def _flushed(self) -> None:
        while self._unsent:
            self._room = self._loop.create_future()
            await self._room

    @property
    def write_now(self) -> Callable[[pb.WorkerFrame], object] | None:
        return None if self._unsent else self.say

    async def done_writing(self) -> None:
        await self._flushed()
        with suppress(OSError):  # it has gone, and we are about to hear of it
            self._sock.shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        self._loop.remove_reader(self._sock)
        await self._link.clean_up(self._end())

    def _roused(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # ------------------------------------------------------------ on either

    def say(self, frame: pb.WorkerFrame) -> None:
        """Write one frame now, as far as the kernel takes it."""
        self._send(frame.SerializeToString())

    def _send(self, *messages: bytes) -> None:
        data = b"".join([part for one in messages for part in (LENGTH.pack(len(one)), one)])
        with self._lock:
            waits = bool(self._unsent)
            if not waits:
                data = data[self._write(data) :]
            if data:
                self._unsent += data
                if not waits:
                    self._link.inbox.post(self._link.loop.add_writer, self._sock, self._flush)

    def _write(self, data: bytes | bytearray) -> int:
        """How much the kernel takes; all, when nobody will ever read it."""
        try:
            size = self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:  # `_fetch` finds out, too
            return len(data)
        self.pulse.said()
        return size

    def _fetch(self) -> None:
        """Read once."""
        with self._lock:
            if self._ended:
                return
            try:
                data = self._sock.recv(READ)
            except BlockingIOError:  # the other thread was here
                return
            except OSError:
                data = b""
            self.pulse.heard()
            self._incoming.feed(data)
            self._unpack()
            if not data:
                self._end_with(None)

    def _unpack(self) -> None:
        try:
            self._news.extend(iter(self._incoming.next, None))
        except FrameTooLong as error:
            self._end_with(invalid(error))

    def _end_with(self, error: ConnectFailed | None) -> None:
        self._ended = True
        self._news.append(error)

    # ------------------------------------------------------------ on the link's loop

    def _start(self) -> None:
        self._watch = self._link.loop.create_task(self._live(), name="prack pulse")

    async def _live(self) -> None:
        try:
            await self.pulse.watch(self)
        except ConnectFailed as error:
            self.pulse.inbox.post(self._give_up, error)

    def _flush(self) -> None:
        with self._lock:
            del self._unsent[: self._write(self._unsent)]
            if not self._unsent:
                self._link.loop.remove_writer(self._sock)
                self.pulse.inbox.post(self._roused)

    def _stand_in(self) -> None:
        """Read for the application's loop."""
        self._fetch()
        if self._ended:
            self._link.loop.remove_reader(self._sock)
        self.pulse.inbox.post(self._take)

    @property
    def flows(self) -> bool:
        return not self._unsent

    def blocked(self, blocked: bool) -> None:
        """See Body."""
        if blocked and not self._ended:
            self._link.loop.add_reader(self._sock, self._stand_in)
        else:
            self._link.loop.remove_reader(self._sock)

    async def _end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        self._link.loop.remove_reader(self._sock)
        self._link.loop.remove_writer(self._sock)
        with self._lock:
            self._sock.close()
            self._unsent.clear()


def invalid(error: Exception) -> ConnectFailed:
    """What to say of a frame that is none."""
    return ConnectFailed(f"the gateway sent an invalid frame ({error})")
