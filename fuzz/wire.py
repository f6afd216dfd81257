"""The client's end of a connection, over real sockets in one process."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterable

from fuzz.clock import Found, Loop, quiet

LONG = 200.0  # seconds: every time-out of the defaults is over
READ = 1 << 20


class Wire:
    """One connection to a protocol of ours."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.received = b""
        self.ended = False  # by the other side, or cut
        self._meeting: asyncio.Task[None] | None = None

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Open it."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(protocol, self._theirs)
        assert isinstance(loop, Loop)
        loop.ends.callback(transport.abort)
        loop.ends.callback(self._ours.close)

    async def meet(self, host: Callable[[socket.socket], Coroutine[None, None, None]]) -> None:
        """Open it to somebody who makes a connection of the socket, or closes it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.ends.callback(self._ours.close)
        loop.ends.callback(self._theirs.close)
        self._meeting = loop.create_task(host(self._theirs))

    async def say(self, pieces: Iterable[bytes]) -> None:
        """Send these one by one, as long as they are taken, and read meanwhile."""
        for piece in pieces:
            try:
                self._ours.sendall(piece)
            except OSError:
                return
            await quiet()
            self.read()

    async def wait(self) -> None:
        """Let every time-out pass; only the other side ends the connection."""
        await asyncio.sleep(LONG)
        self.read()

    def read(self) -> None:
        """What has come."""
        try:
            while data := self._ours.recv(READ):
                self.received += data
            self.ended = True
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    async def leave(self) -> None:
        """Close it, and let the other side notice."""
        self._ours.close()
        await quiet()
        if self._meeting is not None:
            if not self._meeting.done():
                raise Found("a connection that is never made, nor closed")
            self._meeting.result()


def pieces(data: bytes, size: int) -> list[bytes]:
    """Of this size, all of it if that is 0; so many at most that none takes long."""
    size = max(size or len(data), len(data) // 256, 1)
    return [data[at : at + size] for at in range(0, len(data), size)]
