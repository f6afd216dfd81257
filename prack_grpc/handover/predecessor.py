"""The old process, seen from the new one; see `successor` for what is said between them."""

import asyncio
import contextlib
import json
import socket
from collections.abc import MutableMapping
from typing import Any

from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import CALL, MAX_SOCKETS, PREPARED, READY, SLOTS, VARIABLE

# Between two tries to pass it something, where too much is on its way.
FULL_SECONDS = 0.01


class Predecessor:
    """The gateway that this process replaces. `gone` is set when it has ended.

    `sockets` and `grpc_port` are its sockets, and the port that it gives up.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.set_inheritable(False)
        message, numbers, _, _ = socket.recv_fds(channel, 4096, MAX_SOCKETS)
        channel.setblocking(False)
        told = json.loads(message)
        sockets = [socket.socket(fileno=number) for number in numbers]
        names = [name for name, _ in told["names"]]
        kept = frozenset(name for name, kept in told["names"] if kept)
        self.sockets = Sockets(dict(zip(names, sockets, strict=True)), kept)
        self.grpc_port: int = told["grpc_port"]
        self.gone = asyncio.Event()
        self._leaving = asyncio.Event()
        self._channel = channel

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> "Predecessor | None":
        """The gateway that started this process as its successor, if there is one."""
        number = environ.pop(VARIABLE, "")
        return cls(socket.socket(fileno=int(number))) if number else None

    async def released(self) -> dict[str, Any]:
        """All that may fail has worked: wait for the gRPC port. Returns the state, if there is one.

        If the predecessor ends instead, we are needed all the more.
        """
        loop, line = asyncio.get_running_loop(), b""
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(self._channel, PREPARED)
            while not line.endswith(b"\n") and (data := await loop.sock_recv(self._channel, 4096)):
                line += data
        state: dict[str, Any] = json.loads(line or b"{}")
        return state

    async def relieve(self) -> None:
        """Tell it that we serve, so that it finishes what it holds and exits."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(self._channel, READY)
        loop.add_reader(self._channel, self._end)
        self._leaving.set()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to its worker API. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            await self._pass(CALL, theirs)
        except OSError:
            ours.close()
            raise
        return await asyncio.open_connection(sock=ours)

    async def share(self, sock: socket.socket) -> None:
        """Have it share the slots of workers with us on this connection. Raises OSError."""
        await self._pass(SLOTS, sock)

    async def _pass(self, what: bytes, sock: socket.socket) -> None:
        with sock:
            await self._leaving.wait()
            while not self._passed(what, sock):  # noqa: ASYNC110 - it takes them one by one
                await asyncio.sleep(FULL_SECONDS)

    def _passed(self, what: bytes, sock: socket.socket) -> bool:
        try:
            socket.send_fds(self._channel, [what], [sock.fileno()])
        except BlockingIOError:
            return False
        return True

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self.gone.set()
