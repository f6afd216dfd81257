"""Connections to the worker port, which the supervisor accepts and deals to its processes.

The kernel would spread them by their addresses: of eight workers one process may get none, and then
all that it does goes by way of the others.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from typing import Protocol

Address = tuple[str, int]
# Accepted in one turn of the loop.
TURN = 64
# How long all wait in the kernel when nobody takes them.
PAUSE_SECONDS = 0.1


class Dealt(socket.socket):
    """The worker port, to a process that is dealt its connections.

    It accepts them as from a listening socket. `taken` counts them; `address` is that of the port.
    """

    def __init__(self, sock: socket.socket, address: Address) -> None:
        """Takes over `sock`, the other end of which gets what `pack` makes of a connection."""
        super().__init__(fileno=sock.detach())
        self.address = address
        self.taken = 0

    def dup(self) -> "Dealt":
        """See socket.socket."""
        return Dealt(socket.socket(fileno=os.dup(self.fileno())), self.address)

    def getsockname(self) -> Address:
        """See socket.socket."""
        return self.address

    def accept(self) -> tuple[socket.socket, Address]:
        """See socket.socket. Raises OSError, also once there is no supervisor."""
        about, numbers, _, _ = socket.recv_fds(self, 256, 1)
        if not numbers:
            raise OSError("no connections are dealt any more")
        self.taken += 1
        host, _, port = about.decode().rpartition(" ")
        return socket.socket(fileno=numbers[0]), (host, int(port))


def send(channel: socket.socket, connection: socket.socket, peer: Address) -> None:
    """Give a connection to whoever has the other end as Dealt. Raises OSError if it is full."""
    about = f"{peer[0]} {peer[1]}".encode()
    socket.send_fds(channel, [about], [connection.fileno()])


class Player(Protocol):
    """Who is dealt connections; `load` is how many it has."""

    @property
    def load(self) -> int: ...

    def deal(self, connection: socket.socket, peer: Address) -> bool:
        """Give it one; whether it could take it."""


class Dealer:
    """Accepts connections, and gives each to the one of `players` that has the fewest."""

    def __init__(self, sock: socket.socket, players: Callable[[], Iterable[Player]]) -> None:
        self._sock = sock
        self._players = players
        self._waiting: tuple[socket.socket, Address] | None = None
        self._pause: asyncio.TimerHandle | None = None
        sock.setblocking(False)

    def start(self) -> None:
        """Deal from now on."""
        self._pause = None
        asyncio.get_running_loop().add_reader(self._sock, self._take)
        if self._waiting:
            self._take()

    def stop(self) -> None:
        """Deal no more: who connects waits in the kernel. Whom nobody took has to dial again."""
        self._hold()
        if self._waiting:
            self._waiting[0].close()
            self._waiting = None

    def _hold(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        if self._pause is not None:
            self._pause.cancel()

    def _take(self) -> None:
        for _ in range(TURN):
            try:
                connection, peer = self._waiting or self._accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._rest()
                return
            ranked = sorted(self._players(), key=lambda player: player.load)
            if not any(player.deal(connection, peer) for player in ranked):
                self._waiting = connection, peer
                self._rest()
                return
            self._waiting = None
            connection.close()

    def _accept(self) -> tuple[socket.socket, Address]:
        connection, peer = self._sock.accept()
        return connection, peer[:2]

    def _rest(self) -> None:
        self._hold()
        self._pause = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self.start)
