"""Where the application listens."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

EXPECTED = "expected http://host:port or unix:/path/of/a/socket"
HOST = re.compile(r"[A-Za-z0-9._:%-]+")
MAX_PATH = 103  # of a Unix socket: 107 on Linux, 103 elsewhere
PATH = re.compile(r"/[!\"$-~]*")
PORTS = range(20_000, 32_768)  # Linux gives clients those above


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def authority(self) -> bytes:
        """What a request calls the application when its client (HTTP/1.0) has not named a host."""
        if self.path:
            return b"localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}".encode()

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"http://{self.authority().decode()}"


def parse_address(text: str) -> Address:
    """`http://host:port` or `unix:/path`. Raises ValueError."""
    if text.startswith("unix:/"):
        path = text.removeprefix("unix:")
        if len(os.fsencode(path)) > MAX_PATH:
            raise ValueError(f"expected a path of at most {MAX_PATH} bytes, as sockets have")
        return Address(path=path)
    parts = urlsplit(text)
    if parts.scheme != "http" or not HOST.fullmatch(parts.hostname or "") or parts.username:
        raise ValueError(EXPECTED)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{EXPECTED}, without a path: the application gets the client's")
    return Address(parts.hostname or "", parts.port or 80)


def parse_path(text: str) -> str:
    """A path, perhaps with a query, as a request has it. Raises ValueError."""
    if not PATH.fullmatch(text):
        raise ValueError("expected a path such as /healthz")
    return text


def free_address() -> Address:
    """An address of this machine that nobody listens on now."""
    return Address("localhost", free_port())


_asked_for: deque[int] = deque(maxlen=100)


def free_port() -> int:
    """A port that nobody listens on now, below those that connections get as their own.

    One of those may be taken before a program listens there, even by who tries to connect to it.
    Nor is it one of the last that were asked for: nobody may listen there yet.
    """
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        if port in _asked_for:
            continue
        _asked_for.append(port)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
