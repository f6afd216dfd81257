"""What attackers have in common: blocking sockets, and no manners."""

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

SECONDS = 5.0
OTHER = "127.0.0.2"  # than the address of the canary
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
STREAM = (
    b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
    b"upgrade: prack.v1\r\n\r\n"
)


# The ports behind which somebody speaks TLS.
TLS_PORTS: set[int] = set()


class Target(NamedTuple):
    """The ports of the gateway, and perhaps that of a proxy in place of the public one."""

    public: int
    api: int
    grpc: int


def unchecked() -> ssl.SSLContext:
    """A client's TLS that takes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def dial(port: int, say: bytes = b"", window: int = 0, address: str = "") -> socket.socket:
    """A connection on which this was said, from this address of ours.

    A small `window` fills the other side's buffers soon.
    """
    sock = socket.socket()
    if address:
        sock.bind((address, 0))
    sock.settimeout(SECONDS)
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.connect(("127.0.0.1", port))
    if port in TLS_PORTS:
        sock = unchecked().wrap_socket(sock, server_hostname="localhost")
    sock.sendall(say)
    return sock


def upgraded(port: int, request: bytes) -> socket.socket:
    """A connection that has left HTTP. Raises ConnectionError if it was refused."""
    sock = dial(port, request)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(1)
        if not piece:
            raise ConnectionError(head)
        head += piece
    if b" 101 " not in head:
        raise ConnectionError(head)
    return sock


@contextmanager
def many(
    count: int, port: int, say: bytes, window: int = 0, address: str = ""
) -> Iterator[list[socket.socket]]:
    """So many connections, or as many as can be had."""
    with ExitStack() as stack:
        socks: list[socket.socket] = []
        with suppress(OSError):
            while len(socks) < count:
                socks.append(stack.enter_context(dial(port, say, window, address)))
        yield socks


def flood(open_: Callable[[], socket.socket], data: bytes) -> None:
    """Send this for ever, and read nothing; dial again when thrown out."""
    while True:
        with suppress(OSError), open_() as sock:
            sock.settimeout(None)
            while True:
                sock.sendall(data)
        time.sleep(0.01)


def trickle(socks: list[socket.socket], data: bytes, seconds: float) -> None:
    """Send this on each, every so many seconds, for ever."""
    while True:
        for sock in socks:
            with suppress(OSError):
                sock.sendall(data)
        time.sleep(seconds)


def pump(port: int, data: bytes, count: int = 300) -> None:
    """Send this on so many connections as they take it, and drop what comes back; for ever."""
    while True:
        with suppress(OSError), selectors.DefaultSelector() as selector, ExitStack() as stack:
            for _ in range(count):
                sock = stack.enter_context(dial(port, address=OTHER))
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, sock)
            while selector.get_map():
                for key, ready in selector.select():
                    if not _swapped(key.data, ready, data):
                        selector.unregister(key.data)


def _swapped(sock: socket.socket, ready: int, data: bytes) -> bool:
    """Whether the other side is still there."""
    try:
        if ready & selectors.EVENT_READ and not sock.recv(65536):
            return False
        if ready & selectors.EVENT_WRITE:
            sock.send(data)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass
    except OSError:
        return False
    return True
