"""The client's end of a connection, over real sockets in one process."""

import asyncio
import socket
from collections.abc import Callable, Iterable

from fuzz.clock import Loop, quiet

LONG = 200.0  # seconds: every time-out of the defaults is over
READ = 1 << 20


class Wire:
    """One connection to a protocol of ours."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.received = b""
        self.ended = False  # by the other side, or cut

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Open it."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(protocol, self._theirs)
        assert isinstance(loop, Loop)
        loop.ends.callback(transport.abort)
        loop.ends.callback(self._ours.close)

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


def pieces(data: bytes, size: int) -> list[bytes]:
    """Of this size, all of it if that is 0; so many at most that none takes long."""
    size = max(size or len(data), len(data) // 256, 1)
    return [data[at : at + size] for at in range(0, len(data), size)]
