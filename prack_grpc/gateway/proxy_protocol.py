"""The PROXY protocol, versions 1 and 2: a proxy says first whose connection it passes on.

Source: proxy-protocol.txt of HAProxy, sections 2.1 and 2.2. What a version 2 header has beyond its
addresses (TLVs) is skipped. Not a byte behind the header is read: it may be of a TLS handshake.
"""

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Callable

from prack_grpc.core.errors import PrackError
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

Address = tuple[str, int]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?"
    rb"|TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))\r\n"
)
SHORTEST_LINE, LONGEST_LINE = len(b"PROXY UNKNOWN\r\n"), 107
FIXED = 16  # bytes of version 2: signature, version and command, family, length of the rest
LONGEST = 4096  # of version 2; proxies add some hundred bytes of TLVs to the 52 that it takes
LOCAL, PROXY = 0x20, 0x21
# Bytes that the addresses take, by family and transport. Of those that are no TCP the receiver
# need not understand more, and takes the connection's own address.
TCP4, TCP6 = 0x11, 0x21
SIZES = {0x00: 0, TCP4: 12, 0x12: 12, TCP6: 36, 0x22: 36, 0x31: 216, 0x32: 216}

REFUSED = (
    "a connection was closed that had to begin with a PROXY header: see the reason, and what "
    "--proxy-protocol and --trusted-proxies say"
)


class BadHeader(PrackError):
    """A connection does not begin with a header of the PROXY protocol."""


def missing(head: bytes) -> int:
    """How many bytes at least a header that begins like this lacks; 0 if it is complete.

    Raises BadHeader for what can be the beginning of none.
    """
    if head[:1] == b"P":
        return _missing_line(head)
    if not SIGNATURE.startswith(head[: len(SIGNATURE)]):
        raise BadHeader("this is no PROXY header")
    if len(head) < FIXED:
        return (FIXED if head else SHORTEST_LINE) - len(head)
    size = FIXED + int.from_bytes(head[FIXED - 2 : FIXED])
    if size > LONGEST:
        raise BadHeader(f"the header has {size} bytes, more than {LONGEST}")
    return size - len(head)


def _missing_line(head: bytes) -> int:
    if not head.startswith(b"PROXY "[: len(head)]):
        raise BadHeader("this is no PROXY header")
    if len(head) < SHORTEST_LINE:
        return SHORTEST_LINE - len(head)
    if head.endswith(b"\r\n"):
        return 0
    lacks = 1 if head.endswith(b"\r") else 2
    if len(head) + lacks > LONGEST_LINE:
        raise BadHeader(f"the line has more than {LONGEST_LINE} bytes")
    return lacks


def parse(header: bytes) -> Address | None:
    """The client that a complete header names; None if that is the connection's own peer.

    Raises BadHeader.
    """
    try:
        return _binary(header) if header.startswith(SIGNATURE) else _line(header)
    except ValueError as error:
        raise BadHeader(str(error)) from None


def _line(header: bytes) -> Address | None:
    match = LINE.fullmatch(header)
    if match is None:
        raise BadHeader("this is no line of version 1")
    if match[1] is None:
        return None
    kind = ipaddress.IPv4Address if match[1] == b"4" else ipaddress.IPv6Address
    source, _ = (kind(address.decode()) for address in match.group(2, 3))
    port, other = map(int, match.group(4, 5))
    if max(port, other) > 0xFFFF:
        raise BadHeader("a port is larger than 65535")
    return str(source), port


def _binary(header: bytes) -> Address | None:
    command, family = header[len(SIGNATURE)], header[len(SIGNATURE) + 1]
    if command == LOCAL:  # the proxy's own, such as a health check
        return None
    if command != PROXY or family not in SIZES:
        raise BadHeader(f"unknown version, command or family: {command:#04x} {family:#04x}")
    size, rest = SIZES[family], header[FIXED:]
    if len(rest) < size:
        raise BadHeader(f"{len(rest)} bytes are too few for the addresses of {family:#04x}")
    if family == TCP4:
        return str(ipaddress.IPv4Address(rest[:4])), int.from_bytes(rest[8:10])
    if family == TCP6:
        return str(ipaddress.IPv6Address(rest[:16])), int.from_bytes(rest[32:34])
    return None


async def read(sock: socket.socket) -> Address | None:
    """The client that the next bytes of this non-blocking socket name, see `parse`.

    Raises BadHeader, and OSError if the other side leaves.
    """
    loop, head = asyncio.get_running_loop(), b""
    while lacks := missing(head):
        data = await loop.sock_recv(sock, lacks)
        if not data:
            raise ConnectionResetError
        head += data
    return parse(head)


class Proxies:
    """Learns whose connections the proxies pass on that `trusts` knows; others are closed."""

    def __init__(self, trusts: Callable[[str], bool], limits: ConnectionLimits) -> None:
        self._trusts = trusts
        self._limits = limits
        self._under_way = 0
        self._refused = Complaint(log, "proxy_protocol_refused", REFUSED)

    async def client(self, sock: socket.socket, peer: Address) -> Address | None:
        """The client of a connection that was accepted from `peer`; None if it was closed."""
        self._under_way += 1
        try:
            if not self._trusts(peer[0]):
                raise BadHeader("it does not come from a trusted proxy")
            if self._under_way > self._limits.connections:
                raise BadHeader("too many others have not sent theirs yet")
            sock.setblocking(False)
            async with asyncio.timeout(self._limits.head_seconds):
                return await read(sock) or peer
        except BaseException as error:
            sock.close()
            if isinstance(error, BadHeader | TimeoutError):
                reason = str(error) or "it did not come in time"
                self._refused.make(peer=peer[0], reason=reason)
            elif not isinstance(error, OSError):
                raise
            return None
        finally:
            self._under_way -= 1
