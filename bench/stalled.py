"""Clients that stop in the middle of a message, and keep their connections."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from bench.client import get, post

SIZE = 16 * 1024 * 1024
SENT = 256 * 1024
# Small enough for the other side to be stopped soon.
RECEIVE_BUFFER = 16 * 1024
CONNECT_SECONDS = 10

Kind = Literal["readers", "uploads"]


@contextmanager
def stalled(port: int, count: int, kind: Kind) -> Iterator[None]:
    """So many clients: readers that take nothing of 16 MiB, or uploads that stop after 256 KiB."""
    with ExitStack() as stack:
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(CONNECT_SECONDS)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.connect(("127.0.0.1", port))
            if kind == "readers":
                sock.sendall(get(f"/stream?{SIZE}"))
            else:
                sock.sendall(post(SIZE) + bytes(SENT))
        yield
