"""Addresses of peers and what proxies write of them: whom to believe, and who is one client."""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REMEMBERED = 4096
SITE_BITS = 64
# Longer than any spelling of an address with zone and port, so that what is remembered is small.
MAX_NODE = 128
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
MAX_PORT = 65535
# Brackets, a zone (RFC 4007, which means something on one machine only), a port or the word that
# stands for one (RFC 7239 section 6). Without brackets an address of several colons has no port.
NODE = re.compile(
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)(?P<inner>%[\w.~%-]+)?\]|(?P<v4>[0-9.]+))"
    r"(?::(?:(?P<port>[0-9]{1,5})|_[\w.-]+)?)?"
    r"|(?P<v6>[0-9A-Fa-f:.]+)(?P<zone>%[\w.~%-]+)?",
    re.ASCII,
)
HIDDEN = re.compile(r"(?i:unknown)(?::(?:[0-9]{1,5}|_[\w.-]+))?|_[\w.-]+(?::\w+)?", re.ASCII)


class Node(NamedTuple):
    """An address in its one spelling, and a port or 0. A node that nobody names is UNKNOWN."""

    address: str
    port: int


UNKNOWN = Node("unknown", 0)


def node(text: str) -> Node | None:
    """The node that this names, in whatever spelling; None if it names none."""
    return _node(text) if len(text) <= MAX_NODE else None


@functools.lru_cache(maxsize=REMEMBERED)
def _node(text: str) -> Node | None:
    match = NODE.fullmatch(text)
    if match is None:
        return UNKNOWN if HIDDEN.fullmatch(text) else None
    literal, v4, v6, port = match.group("literal", "v4", "v6", "port")
    try:
        # Refuses zeros before a number of IPv4, which are octal to some and decimal to others.
        ip = ipaddress.IPv4Address(v4) if v4 else ipaddress.IPv6Address(literal or v6)
    except ValueError:
        return None
    if int(port or 0) > MAX_PORT:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return Node(str(mapped or ip), int(port or 0))


def trusting(networks: Iterable[Network]) -> Callable[[str], bool]:
    """A function that says whether an address, in any spelling, is in one of these networks."""
    trusted = tuple(map(_unmapped, networks))

    @functools.lru_cache(maxsize=REMEMBERED)
    def trusts(address: str) -> bool:
        known = node(address)
        if known is None or known is UNKNOWN:
            return False
        ip = ipaddress.ip_address(known.address)
        return any(ip in network for network in trusted)

    return trusts


def _unmapped(network: Network) -> Network:
    """The network of IPv4 that this one of IPv6 stands for, if it does."""
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(MAPPED):  # type: ignore[arg-type]
        address = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((address, network.prefixlen - MAPPED.prefixlen))
    return network


def counting(exempt: Callable[[str], bool]) -> Callable[[str], str]:
    """A function that names the client that an address counts for where limits are by client.

    That is none, the empty name, if it is `exempt`; and if nobody knows it, since all that come
    over a UNIX socket would be one client.
    """

    @functools.lru_cache(maxsize=REMEMBERED)
    def counts_for(address: str) -> str:
        return "" if address == UNKNOWN.address or exempt(address) else client_of(address)

    return counts_for


@functools.lru_cache(maxsize=REMEMBERED)
def client_of(address: str) -> str:
    """The one client behind an address.

    Of IPv6 that is a whole /64: who has one address of it has them all (RFC 6177, RFC 4291).
    """
    known = node(address)
    if known is None or ":" not in known.address:
        return known.address if known else address
    ip = ipaddress.IPv6Address(known.address)
    return str(ipaddress.ip_network((int(ip), SITE_BITS), strict=False))
