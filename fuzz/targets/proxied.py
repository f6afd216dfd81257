"""What comes to a port behind proxies: a PROXY header, and what clients send.

The first byte is the size of the pieces. A header that is none ends the connection without a word;
one that is taken names the client as a plain reading of the specification does, and what is behind
it is read as without one.
"""

import ipaddress
import socket
import struct

from fuzz.clock import Found
from fuzz.gateway import PEER, Gateway
from fuzz.targets import front
from fuzz.wire import Wire

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BINARY = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}
Client = tuple[str, int]


class Talk(front.Talk):
    """One connection of a proxy."""

    async def open(self, gateway: Gateway, wire: Wire) -> None:
        """Connect."""
        await wire.meet(gateway.proxied)


def one(data: bytes) -> None:
    """See the module."""
    size, data = data[0] if data else 0, data[1:]
    whole = front.held(Talk, data, size)
    if whole.seen or whole.statuses:
        client, behind = _header(data)
        if whole.clients - {client}:
            raise Found(f"the worker was told {whole.clients}, the header says {client}")
        front.compare(behind, whole.seen)


def _header(data: bytes) -> tuple[Client, bytes]:
    """Whom a header names that was taken, and what is behind it."""
    if not data.startswith(SIGNATURE):
        line, _, behind = data.partition(b"\r\n")
        _, kind, *words = line.split(b" ")
        named = kind != b"UNKNOWN"
        return (
            str(ipaddress.ip_address(words[0].decode())),
            int(words[2]),
        ) if named else PEER, behind
    command, family, size = struct.unpack_from("!BBH", data, len(SIGNATURE))
    at = len(SIGNATURE) + 4
    addresses, behind = data[at : at + size], data[at + size :]
    if not command & 1 or family not in BINARY:
        return PEER, behind
    protocol, length = BINARY[family]
    name = socket.inet_ntop(protocol, addresses[:length])
    return (name, int.from_bytes(addresses[2 * length : 2 * length + 2])), behind
