"""A server that makes nobody wait: `python -m attack.stub`.

What has no body it answers at once as `attack.app` does, all else it drops. Proxies send it one
head at a time.
"""

import asyncio
import re
import socket
from typing import cast

import uvloop

from attack.app import LARGE, PIECES

SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
HUGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (PIECES * len(LARGE))
HEAD = re.compile(rb"[A-Z]+ (\S+) HTTP/1\.1\r\n")
BODY = re.compile(rb"\r\n(?:transfer-encoding|content-length):", re.IGNORECASE)


class Stub(asyncio.Protocol):
    """A connection to it."""

    def __init__(self) -> None:
        self._pieces = 0  # to be sent
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        head = HEAD.match(data)
        if not head or BODY.search(data):
            return
        large = head[1] == b"/large"
        self._transport.write(HUGE if large else SMALL)
        self._pieces = PIECES * large
        self._send()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()

    def _send(self) -> None:
        while self._pieces and not self._paused:
            self._pieces -= 1
            self._transport.write(LARGE)


async def serve() -> None:
    """On a port that it says, until it is killed."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await asyncio.get_running_loop().create_server(Stub, sock=sock)
    print("port:", sock.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
