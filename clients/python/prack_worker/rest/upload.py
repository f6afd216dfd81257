"""One response on its way to the gateway, piece by piece (docs/rest.md, "Bodies of any size").

House rules: all of it runs in the link's thread. It has a connection of its own, which is read
while it is written, so that a gateway that wants no more is heard in the middle; and little waits
in that connection, so that an application is not far ahead of its client.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple

from prack_worker.errors import ConnectFailed
from prack_worker.stream.dialling import dial

REQUEST = (
    b"POST /api/v1/requests/%b/response HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n"
    b"Content-Type: application/http\r\n%b\r\n"
)
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
PIECE = 128 * 1024
# What the kernel may hold, and twice as much for its own needs: a window, as streams have it.
UNSENT = 128 * 1024


class Reply(NamedTuple):
    """What the gateway said: a status, and its reasons; 0 if it only closed the connection."""

    status: int
    text: str


class Upload:
    """A response of `size` bytes with its head, or of as many as come; `reply` is done at its end.

    Args:
        start: what has to be sent first.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes, size: int
    ) -> None:
        self._writer = writer
        self._chunked = size < 0
        writer.write(start)
        self.reply = asyncio.get_running_loop().create_task(self._read(reader))

    async def send(self, data: bytes) -> None:
        """Send so much of it, as fast as the gateway takes it, as long as it wants it."""
        for start in range(0, len(data), PIECE):
            if self.reply.done():
                return
            piece = data[start : start + PIECE]
            self._put(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
            with suppress(ConnectionError):  # of which the reply tells
                await self._writer.drain()

    def finish(self) -> None:
        """That was all."""
        if self._chunked:
            self._put(b"0\r\n\r\n")

    async def replied(self) -> Reply:
        """The gateway's reply, which may come before the end."""
        return await self.reply

    def _put(self, data: bytes) -> None:
        """Nothing more once the connection is closed, to which uvloop takes no words."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def _read(self, reader: asyncio.StreamReader) -> Reply:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            return Reply(int(head[9:12]), body.decode(errors="replace"))
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            return Reply(0, "the connection broke")
        finally:
            self._writer.transport.abort()


async def begin(
    address: str, tls: ssl.SSLContext | None, name: str, start: bytes, size: int
) -> Upload:
    """An upload to the gateway at "host:port", whose certificate is for `name`.

    Raises:
        ConnectFailed: there is no connection, and nothing was sent.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        sock = await dial(host, int(port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT)
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname=(name or host) if tls else None
        )
    except OSError as error:
        raise ConnectFailed(str(error)) from error
    return Upload(reader, writer, start, size)


def request(identifier: str, host: str, token: str | None, message: bytes, size: int) -> bytes:
    """The head of the call, then `message`, the first `len(message)` of its `size` bytes."""
    fields = b"Content-Length: %d\r\n" % size if size >= 0 else b"Transfer-Encoding: chunked\r\n"
    if token:
        fields += b"Authorization: Bearer %b\r\n" % token.encode()
    head = REQUEST % (identifier.encode(), host.encode(), fields)
    return head + (message if size >= 0 else b"%x\r\n%b\r\n" % (len(message), message))
