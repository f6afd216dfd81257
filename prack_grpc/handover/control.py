"""The local socket on which a gateway is told to be replaced: `prack upgrade`.

Its name is that of the REST port, in the kernel's own name space (unix(7), abstract): there is no
file to find or to clean up. Only root and the gateway's own user may use it; others are refused
before anything is read.

The command is a line. The reply is one line as well: "+", or "-" if it failed, and a sentence.
"""

import asyncio
import errno
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import UpgradeFailed

log = logging.getLogger(__name__)

UPGRADE = b"upgrade\n"
COMMAND_SECONDS = 5.0
# Each holds a descriptor. As many more wait in the kernel.
MAX_CALLERS = 8
MAX_REPLY = 4096
FORBIDDEN = b"-only root and the user of the gateway may do that\n"
BUSY = b"-too many commands at once; try again\n"


def _address(host: str, port: int) -> str:
    return f"\0prack/{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """The control socket of the gateway with this REST address. Raises OSError if it is taken."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(_address(host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(MAX_CALLERS)
    return sock


def take(sockets: Sockets, host: str, port: int) -> socket.socket | None:
    """The same, of those that were given; None if the name is taken, which must stop nobody."""
    try:
        return sockets.take("control", partial(listen, host, port))
    except OSError as error:
        log.warning(
            "`prack upgrade` cannot reach this gateway: another process has the name of its "
            "socket (%s); find it with `ss -xlp`, end it, and restart the gateway",
            error.strerror,
            extra={"action": "upgrade_unavailable", "socket": f"@prack/{host}:{port}"},
        )
        return None


def ask(host: str, port: int) -> tuple[bool, str]:
    """Have the gateway with this REST address replaced: whether it was, and what it says.

    Raises OSError if there is no such gateway on this machine.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(_address(host, port))
        with suppress(BrokenPipeError):  # it did not want to hear it, and has said why
            sock.sendall(UPGRADE)
        with sock.makefile(errors="replace") as stream:
            reply = stream.readline(MAX_REPLY).strip()
    if not reply:
        raise ConnectionResetError(errno.ECONNRESET, "the gateway has exited")
    return reply[0] == "+", reply[1:]


@asynccontextmanager
async def serving(
    sock: socket.socket | None, upgrade: Callable[[], Awaitable[str]]
) -> AsyncIterator[None]:
    """Serve commands while this is entered. On exit, close the socket and cancel upgrades."""
    if sock is None:
        yield
        return
    callers = Callers(upgrade)
    server = await asyncio.start_unix_server(callers.serve, sock=sock, backlog=MAX_CALLERS)
    try:
        yield
    finally:
        server.close()
        await callers.end()


class Callers:
    """The connected callers, at most MAX_CALLERS at a time; others are refused with a reason."""

    def __init__(self, upgrade: Callable[[], Awaitable[str]]) -> None:
        self._upgrade = upgrade
        self._asking: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a caller. Its user is checked before anything is read."""
        if not _is_allowed(writer.get_extra_info("socket")):
            _end(writer, FORBIDDEN)
        elif len(self._asking) >= MAX_CALLERS:
            _end(writer, BUSY)
        else:
            task = asyncio.get_running_loop().create_task(self._answer(reader, writer))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def end(self) -> None:
        """Cancel the commands in progress."""
        asking = list(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = b""
        try:
            reply = await self._reply(reader)
        except ConnectionError:
            pass  # whoever asked has gone; what was begun is done
        finally:
            _end(writer, reply)

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                command = await reader.read(len(UPGRADE))
        except TimeoutError:
            return f"-no command within {COMMAND_SECONDS:.0f} s\n".encode()
        if command != UPGRADE:
            return b"-unknown command\n"
        try:
            return f"+{await self._upgrade()}\n".encode()
        except UpgradeFailed as error:
            return f"-{error}\n".encode()


def _end(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Send the reply and close. One line always fits into the socket's buffer."""
    writer.write(reply)
    writer.close()


def _is_allowed(sock: socket.socket) -> bool:
    peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    return struct.unpack("iII", peer)[1] in (0, os.geteuid())
