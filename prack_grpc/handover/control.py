"""The local socket on which a gateway is told to be replaced: `prack upgrade`.

Its name is that of the REST port, in the kernel's own name space (unix(7), abstract): there is no
file to find or to clean up. Only root and the gateway's own user are heard.

The command is a line. The reply is one line as well: "+", or "-" if it failed, and a sentence.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prack_grpc.handover.successor import UpgradeFailed

UPGRADE = b"upgrade\n"


def _address(host: str, port: int) -> str:
    return f"\0prack/{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """The control socket of the gateway with this REST address."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(_address(host, port))
    sock.listen()
    return sock


def ask(host: str, port: int) -> tuple[bool, str]:
    """Have the gateway with this REST address replaced: whether it was, and what it says.

    Raises OSError if there is no such gateway on this machine.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(_address(host, port))
        sock.sendall(UPGRADE)
        with sock.makefile() as stream:
            reply = stream.readline().strip()
    if not reply:
        raise ConnectionResetError(errno.ECONNRESET, "the gateway has exited")
    return reply[0] == "+", reply[1:]


@asynccontextmanager
async def serving(
    sock: socket.socket, upgrade: Callable[[], Awaitable[str]]
) -> AsyncIterator[None]:
    """Take commands inside. Outside nothing is listened to, and no upgrade is under way."""
    asking: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of asyncio's streams is one
        asking.add(task)
        try:
            writer.write(await _reply(reader, writer, upgrade))
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has gone; what was begun is done
        finally:
            asking.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=sock)
    try:
        yield
    finally:
        server.close()
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _reply(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upgrade: Callable[[], Awaitable[str]],
) -> bytes:
    command = await reader.read(len(UPGRADE))
    if not _is_allowed(writer.get_extra_info("socket")):
        return b"-only root and the user of the gateway may do that\n"
    if command != UPGRADE:
        return b"-unknown command\n"
    try:
        return f"+{await upgrade()}\n".encode()
    except UpgradeFailed as error:
        return f"-{error}\n".encode()


def _is_allowed(sock: socket.socket) -> bool:
    peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    return struct.unpack("iII", peer)[1] in (0, os.geteuid())
