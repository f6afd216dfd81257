"""One connection to the application: a request out, its answer in, both at a time."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import cast

from prack_worker.errors import ApplicationFailed
from prack_worker.proxy.answer import Answer, Fields

MAX_HELD = 64 * 1024  # bytes that nobody has read, at which no more is taken


class Connection(asyncio.Protocol):
    """Carries one request after another.

    Attributes:
        answer: what has come in answer to the last request.
        lost: it is closed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._error: ApplicationFailed | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._said_all = False
        self._resting: asyncio.TimerHandle | None = None
        self._left: socket.socket | None = None  # has what came before the connection was lost
        self.answer = Answer("")
        self.lost = False

    # ------------------------------------------------------------ what an exchange does

    def request(self, method: str, data: bytes) -> None:
        """Send a head, and what is here of the body."""
        self.answer = Answer(method)
        self.write(data)  # nothing, if it was closed meanwhile

    def write(self, data: bytes) -> None:
        """Send more; await `writable` before the next piece. Does nothing after an end."""
        if not self._said_all and not self._transport.is_closing():
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the application has taken most of what was written, or is lost."""
        await self._writable.wait()

    async def head(self) -> tuple[int, Fields]:
        """The next head: status and fields. Raises ApplicationFailed."""
        while not self.answer.heads:
            await self._wait()
        head = self.answer.take_head()
        self._go_on()
        return head

    async def body(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether it is the last. Raises ApplicationFailed."""
        while not (self.answer.pieces or self.answer.ended):
            await self._wait()
        data = self.answer.take_body()
        self._go_on()
        return data, self.answer.ended

    async def _wait(self) -> None:
        if self._left is not None:
            return self._read_left(self._left)
        if self._error is not None:
            raise self._error
        self._news.clear()
        await self._news.wait()

    def _read_left(self, left: socket.socket) -> None:
        """Read on after the loss; the end of that is no end of an answer."""
        data = b""
        with suppress(OSError):
            data = left.recv(MAX_HELD)
        if data:
            self._feed(data)
        else:
            left.close()
            self._left = None

    def _go_on(self) -> None:
        if self._paused and self.answer.held < MAX_HELD and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def end(self) -> None:
        """Say that nothing more is sent."""
        if not self._said_all and not self._transport.is_closing():
            self._said_all = True
            self._transport.write_eof()

    def close(self) -> None:
        """Close it at once."""
        self._fail(_lost(None))

    # ------------------------------------------------------------ between two exchanges

    def rest(self) -> bool:
        """Wait for another request, for as long as the application may; else close."""
        seconds = self.answer.idle_seconds if self.answer.ended else 0.0
        if self.lost or seconds <= 0:
            self.close()
            return False
        self._resting = self._loop.call_later(seconds, self.close)
        return True

    def take(self) -> bool:
        """End the rest; returns whether it can be used."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        return not self._transport.is_closing()

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._resting is not None:  # nobody has asked
            self.close()
            return
        self._feed(data)
        if self.answer.held >= MAX_HELD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        try:
            self.answer.finish()
        except ApplicationFailed as error:
            self._fail(error)
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.answer.idle_seconds = 0.0
        if self._error is None:
            self._error = _lost(error)
            if error is not None and not self.answer.ended:
                self._left = _copy(self._transport)
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _feed(self, data: bytes) -> None:
        try:
            self.answer.feed(data)
        except ApplicationFailed as error:
            self._fail(error)

    def _fail(self, error: ApplicationFailed) -> None:
        """Read nothing more."""
        self._error = self._error or error
        if self._left is not None:
            self._left.close()
            self._left = None
        self._transport.abort()


def _lost(error: Exception | None) -> ApplicationFailed:
    return ApplicationFailed(f"its connection was lost: {error or 'closed here'}")


def _copy(transport: asyncio.Transport) -> socket.socket | None:
    """The connection of a transport that is about to close its own descriptor.

    An application that answers a request which it has not read, and closes, has the next write
    fail; its answer is here all the same.
    """
    with suppress(OSError):  # there are no more descriptors
        copy = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        copy.setblocking(False)
        return copy
    return None
