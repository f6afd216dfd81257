"""A link over a Unix socket: messages as frames, the id of each side first, and heartbeats."""

import asyncio
from collections.abc import Callable

from prack_grpc.bus import link
from prack_grpc.bus.link import ID, LinkReceiver
from prack_wire.frames import LENGTH, Framed, FrameTooLong

LAST_SECONDS = 1.0  # for what was sent before the end
HEARTBEAT = b""


class SocketLink(Framed):
    """Implements `bus.link.Link`, once the peer has said who it is.

    `wanted` is asked then, and `linked` gives it its receiver. Who has `dialled` speaks first;
    whoever was dialled answers only if the link is wanted. `settled` is done when that is known.
    """

    def __init__(
        self,
        me: str,
        dialled: bool,
        wanted: Callable[["SocketLink"], bool],
        linked: Callable[["SocketLink"], LinkReceiver],
    ) -> None:
        super().__init__()
        self.peer = ""
        self.dialled = dialled
        self._me = me.encode()
        self._wanted = wanted
        self._linked = linked
        self._receiver: LinkReceiver | None = None
        self.over = False
        self._spoke = False
        self._unwritten: list[bytes] = []
        self._writing: asyncio.Handle | None = None
        self._heard_at = self._loop.time()
        self._beat_at = self._heard_at
        self._timer: asyncio.TimerHandle | None = None
        self.settled: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    # ------------------------------------------------------------ Link

    def send(self, message: bytes) -> None:
        """See Link. The kernel is called once for all of a turn."""
        if self.over:
            return
        self._unwritten += LENGTH.pack(len(message)), message
        if self._writing is None:
            self._writing = self._loop.call_soon(self.post)

    def post(self, *messages: bytes) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if self.over:
            return
        if len(messages) == 1 and not self._unwritten:  # nearly always
            self._spoke = True
            self._transport.write(LENGTH.pack(len(messages[0])) + messages[0])
            return
        for message in messages:
            self._unwritten += LENGTH.pack(len(message)), message
        if self._unwritten:
            self._spoke = True
            self._transport.write(b"".join(self._unwritten))
            self._unwritten.clear()

    async def room(self) -> None:
        self.post()
        await super().room()

    def silence(self) -> float:
        return self._loop.time() - self._heard_at

    def close(self, reason: str) -> None:
        """See Link. A peer that reads nothing more is cut off after a moment.

        Until then its own end stays open: who writes to one that is closed gets an error, and may
        not read what was sent before. `closed` is done when it has closed it, or was cut off.
        """
        if self.over:
            return
        self.post()
        self._end(reason)
        self._transport.write_eof()
        self._loop.call_later(LAST_SECONDS, self._transport.abort)

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.dialled:
            self.post(self._me)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self.over:
            return
        self._heard_at = self._loop.time()
        try:
            for message in self._incoming.each(data):
                if self._receiver is None:
                    self._greeted(message)
                elif message != HEARTBEAT:
                    self._receiver.received(message)
                if self.over:
                    return
        except FrameTooLong as error:
            self.close(str(error))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.closed.set_result(None)
        self._end(f"the connection was lost: {exc}" if exc else "the peer has closed it")

    # ------------------------------------------------------------ its life

    def _greeted(self, message: bytes) -> None:
        self.peer = message.decode(errors="replace")
        if not ID.fullmatch(self.peer) or not self._wanted(self):
            self.close("it is not wanted")
            return
        if not self.dialled:
            self.post(self._me)
        receiver = self._linked(self)
        self._receiver = None if self.over else receiver
        self._settle()

    def _end(self, reason: str) -> None:
        if self.over:
            return
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        self._settle()
        self.resume_writing()
        if self._receiver is not None:
            self._receiver.ended(reason)

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    def _wait(self) -> None:
        self._beat_at = self._loop.time() + link.BEAT_SECONDS
        self._timer = self._loop.call_at(self._beat_at, self._beat)

    def _beat(self) -> None:
        """Speak after silence, and end the link after too much of it.

        Who was stopped or busy himself cannot say that the others were silent meanwhile.
        """
        now = self._loop.time()
        self._heard_at += max(0.0, now - self._beat_at - link.BEAT_SECONDS)
        if now - self._heard_at >= link.DEAD_SECONDS:
            self._end(f"nothing was received for {link.DEAD_SECONDS:g} s")
            self._transport.abort()
            return
        if not self._spoke and self.ready and self._receiver is not None:
            self.post(HEARTBEAT)
        self._spoke = False
        self._wait()
