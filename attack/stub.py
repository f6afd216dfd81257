"""A server that makes nobody wait: `python -m attack.stub`.

What has no body it answers at once, all else it drops. Proxies send it one head at a time.
"""

import asyncio
import re
import socket
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
HEAD = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")
BODY = re.compile(rb"\r\n(?:transfer-encoding|content-length):", re.IGNORECASE)


class Stub(asyncio.Protocol):
    """A connection to it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        if HEAD.match(data) and not BODY.search(data):
            self._transport.write(ANSWER)


async def serve() -> None:
    """On a port that it says, until it is killed."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await asyncio.get_running_loop().create_server(Stub, sock=sock)
    print("port:", sock.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
