"""Whom clients may have called back: hosts that are named, at addresses that are public."""

import ipaddress
import re
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[!-\"$-~]*)?"
)
NAME = re.compile(r"(\*\.)?[0-9a-z_-]+(\.[0-9a-z_-]+)*")
PORTS = {"http": 80, "https": 443}
# Addresses of IPv6 that lead to any of IPv4: NAT64 (RFC 6052), 6to4 (RFC 3056).
LEADING_ELSEWHERE = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))
)


class BadCallback(Exception):
    """Nobody may be called there; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts."""

    scheme: str
    host: str
    port: int
    authority: str
    target: str


class Destinations:
    """`listed` are names of hosts, such as `api.example.com` or `*.example.com`, and networks.

    A name has to be listed, and so has the network of an address that is not public. Only there
    may a call go without TLS.
    """

    def __init__(self, listed: tuple[str, ...]) -> None:
        """Raises ValueError."""
        names = {name.lower() for name in listed if not _is_network(name)}
        for name in names:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"expected hosts such as api.example.com,*.example.org and networks such as "
                    f"10.0.0.0/8, not {name!r}"
                )
        self._names = {name for name in names if name[0] != "*"}
        self._suffixes = tuple(name[1:] for name in names if name[0] == "*")
        self._networks = [ipaddress.ip_network(name) for name in listed if _is_network(name)]

    def target(self, url: str) -> Target:
        """The parts of a URL that may be called, as far as its host says. Raises BadCallback."""
        match = URL.fullmatch(url)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise BadCallback("expected a URL such as https://api.example.com/done")
        scheme, host = match["scheme"], match["host"].lower()
        port = int(match["port"] or PORTS[scheme])
        if not self._lists(host):
            raise BadCallback(f"{host} may not be called: the operator lists --callback-hosts")
        authority = host if port == PORTS[scheme] else f"{host}:{port}"
        return Target(scheme, host.strip("[]"), port, authority, match["target"] or "/")

    def allows(self, text: str, scheme: str) -> bool:
        """Whether a call may go to this address, which a name can have at one time only."""
        address = _plain(text)
        if any(address in network for network in self._networks):
            return True
        elsewhere = any(address in network for network in LEADING_ELSEWHERE)
        public = address.is_global and not address.is_multicast and not elsewhere
        return public and scheme == "https"

    def _lists(self, host: str) -> bool:
        if host in self._names or host.endswith(self._suffixes):
            return True
        try:
            address = _plain(host.strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> Address:
    """The address, of IPv4 where one of IPv6 is only its other spelling."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
