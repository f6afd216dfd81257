"""A transport without a socket, so that what is counted does not depend on the kernel."""

import asyncio
import atexit
import socket
from collections.abc import Callable
from typing import Any

from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.turns import Turns

MANY = 10**9
# Options are set on it; nothing is ever sent through it.
SOCKET = socket.socket()
atexit.register(SOCKET.close)
INFO = {"socket": SOCKET, "sockname": ("192.0.2.1", 80), "peername": ("192.0.2.2", 4711)}


class NoSocket(asyncio.Transport):
    """Gives what the protocol writes to `take`; what the other side says goes to the protocol."""

    def __init__(self, protocol: asyncio.Protocol, take: Callable[[bytes], object]) -> None:
        super().__init__(INFO)
        self._protocol = protocol
        self._take = take
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """See asyncio.Transport."""
        self._take(data)

    def writelines(self, list_of_data: Any) -> None:
        """See asyncio.Transport."""
        self._take(b"".join(list_of_data))

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See asyncio.Transport."""
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.Transport. Nothing is ever unsent."""

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport."""
        return 0

    def pause_reading(self) -> None:
        """See asyncio.Transport. Nothing comes without being asked for."""

    def resume_reading(self) -> None:
        """See asyncio.Transport."""

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return False

    def can_write_eof(self) -> bool:
        """See asyncio.Transport."""
        return True

    def write_eof(self) -> None:
        """See asyncio.Transport."""

    def close(self) -> None:
        """See asyncio.Transport."""

    def abort(self) -> None:
        """See asyncio.Transport."""


def untimed(server: HttpServer) -> HttpServer:
    """The same, where as many requests start in a turn as come.

    A turn has time for a few of them only, which is over with the first when valgrind counts.
    """
    server.starts = Turns(MANY)
    return server
