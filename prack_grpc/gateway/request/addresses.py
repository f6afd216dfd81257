"""Addresses of peers: whom to believe, and who is one client."""

import functools
import ipaddress
from collections.abc import Callable, Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REMEMBERED = 4096
SITE_BITS = 64


def trusting(networks: Iterable[Network]) -> Callable[[str], bool]:
    """A function that says whether an address is in one of these networks."""
    trusted = tuple(networks)

    @functools.lru_cache(maxsize=REMEMBERED)
    def trusts(address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in trusted)

    return trusts


@functools.lru_cache(maxsize=REMEMBERED)
def client_of(address: str) -> str:
    """The one client behind an address.

    Of IPv6 that is a whole /64: who has one address of it has them all (RFC 6177, RFC 4291).
    """
    if ":" not in address:
        return address
    ip = ipaddress.IPv6Address(address)
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), SITE_BITS), strict=False))
