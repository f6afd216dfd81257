"""Frames on a plain connection: four bytes of length, big-endian, then the message.

The second carrier of the worker protocol, for both of its ends; see proto/README.md section 11.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

MAX_FRAME = 4 * 1024 * 1024  # bytes of a message (proto/README.md, section 1.5)
MAX_UNREAD = 1024 * 1024  # bytes; a reader that wants more than these gets more
MAX_UNSENT = 128 * 1024  # bytes in the kernel: what steers must not wait behind megabytes
DISCARD_SECONDS = 0.01  # between two pieces that are thrown away: a flood costs others little
TURN = 32  # messages that one connection's reader gets before the others have their turn
LENGTH = struct.Struct(">I")


class FrameTooLong(ValueError):
    """A length past the limit: nothing behind it can be read."""


class Deframer:
    """Cuts the bytes of a connection into messages of at most so many bytes."""

    def __init__(self, most: int = MAX_FRAME) -> None:
        self.most = most
        self._data: bytes | bytearray = b""
        self._at = 0

    def feed(self, data: bytes) -> int:
        """Add what came. Returns how many bytes wait here."""
        if self._at == len(self._data):
            self._data = data  # nearly always: then nothing is copied but the messages
        else:
            rest = self._data
            self._data = rest if isinstance(rest, bytearray) else bytearray(rest)
            del self._data[: self._at]
            self._data += data
        self._at = 0
        return len(self._data)

    def each(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with these bytes. Raises FrameTooLong."""
        at, size = 0, len(data)
        while self._at == len(self._data):  # nothing is here but what has just come
            start = at + LENGTH.size
            if size < start:
                break
            (length,) = LENGTH.unpack_from(data, at)
            end = start + length
            if size < end or length > self.most:
                break
            at = end
            yield data[start:end]
        if at < size:
            self.feed(data[at:])
            while (message := self.next()) is not None:
                yield message

    def next(self) -> bytes | None:
        """The next message, None while it is not complete. Raises FrameTooLong."""
        data, start = self._data, self._at + LENGTH.size
        if len(data) < start:
            if self._at == len(data):
                self._data, self._at = b"", 0  # give the memory back
            return None
        (length,) = LENGTH.unpack_from(data, self._at)
        if length > self.most:
            raise FrameTooLong(f"a frame of {length} bytes; the limit is {self.most}")
        end = start + length
        if len(data) < end:
            return None
        self._at = end
        return bytes(data[start:end])


class Framed(asyncio.Protocol):
    """One end of a connection of frames; who it is for takes what comes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._incoming = Deframer()
        self._room: asyncio.Future[None] | None = None  # the kernel takes no more

    @property
    def ready(self) -> bool:
        """The kernel has everything that was written, and takes more."""
        return self._room is None and not self._transport.is_closing()

    def post(self, message: bytes) -> None:
        """Write one message now, whether or not the kernel takes it."""
        if not self._transport.is_closing():
            self._transport.write(LENGTH.pack(len(message)) + message)

    async def room(self) -> None:
        """Wait until the kernel has everything that was written, or the connection is lost."""
        while self._room is not None:
            await asyncio.shield(self._room)  # others wait for it as well

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Over TLS a transport that holds nothing counts as full at 0, and never says otherwise.
        secure = transport.get_extra_info("sslcontext") is not None
        self._transport.set_write_buffer_limits(high=1 if secure else 0)
        sock = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_NOTSENT_LOWAT") and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT)

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()


class Frames(Framed):
    """The same for one reader and one writer, which wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = self._discarding = False
        self._turn = TURN
        self._news: asyncio.Future[None] | None = None  # the reader waits for more
        self._take: Callable[[bytes], int] | None = None  # or has all of it handed over
        self._over: asyncio.Future[None] | None = None
        self._most = 0
        self._waits = False  # for its next turn

    async def receive(self) -> bytes | None:
        """The next message; None once the peer has ended its side or is lost.

        Raises FrameTooLong.
        """
        while (message := self._incoming.next()) is None:
            if self._ended:
                return None
            await self._more()
        self._turn -= 1
        if not self._turn:
            self._turn = TURN
            await asyncio.sleep(0)
        return message

    async def pass_on(self, take: Callable[[bytes], int], most: int) -> None:
        """Hand over each message in the turn in which it is read; returns as `receive` does.

        Others have their turn after `most` of what `take` returns, a sum. Raises FrameTooLong, and
        what `take` raises.
        """
        self._take, self._most, self._over = take, most, self._loop.create_future()
        self._hand_over()
        try:
            await self._over
        finally:
            self._take = self._over = None  # its error holds this

    def _hand_over(self) -> None:
        self._waits, left = False, self._most
        while (take := self._take) is not None and left > 0:
            try:
                message = self._incoming.next()
                if message is None:
                    break
                left -= take(message)
            except Exception as error:
                self._finish(error)
        if left <= 0:
            self._waits = True
            self._loop.call_soon(self._hand_over)
        elif self._ended:
            self._finish(None)
        else:
            self._transport.resume_reading()

    def _finish(self, error: Exception | None) -> None:
        self._take = None
        if self._over is None or self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    async def send(self, *messages: bytes) -> bool:
        """Write messages; returns when the kernel has them, or False: the connection is lost."""
        for message in messages:
            self.post(message)
        await self.room()
        return not self._transport.is_closing()

    def end(self) -> None:
        """Send no more. The peer may go on, but not over TLS, where there is no half of an end."""
        if self._transport.is_closing():
            return
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        with suppress(OSError):  # it has gone, and we are about to hear of it
            self._transport.write_eof()

    async def hang_up(self, seconds: float) -> None:
        """Be gone, after the peer has ended its side as well, or so many seconds.

        Its last bytes are thrown away: left unread they would reset the connection, and what the
        peer has not read yet would be lost with it.
        """
        self._discarding = True
        self._incoming = Deframer()
        self.end()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not self._ended:
                        await self._more()
        finally:
            self._transport.abort()

    async def _more(self) -> None:
        self._news = self._loop.create_future()
        self._transport.resume_reading()
        await self._news

    def _rouse(self) -> None:
        if self._take is not None and not self._waits:
            self._hand_over()
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # ------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            self._transport.pause_reading()
            self._loop.call_later(DISCARD_SECONDS, self._transport.resume_reading)
            return
        if self._incoming.feed(data) > MAX_UNREAD:
            self._transport.pause_reading()
        self._rouse()

    def eof_received(self) -> bool:
        """See asyncio.Protocol. Our side stays open, if it can."""
        self._ended = True
        self._rouse()
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended = True
        self._rouse()
