"""What a request looks like once it has crossed the gateway (RFC 9110 section 7.6, RFC 7239)."""

import functools
import ipaddress
from collections.abc import Iterable
from typing import Any

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.fields import HOP_BY_HOP, connection_options
from prack_grpc.core.message import Headers, Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scope = dict[str, Any]

FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
# Expect is answered by this gateway, the forwarding fields are written anew.
NOT_FORWARDED = HOP_BY_HOP | FORWARDED | {b"expect"}
OF_INTEREST = frozenset(
    (b"host", b"connection", b"content-length", b"transfer-encoding", b"upgrade")
)
# A client that nominates these as hop-by-hop wants a worker to see a different request.
NEVER_NOMINATED = frozenset(
    (b"authorization", b"content-length", b"content-type", b"cookie", b"host")
)


class Forwarding:
    """Turns an ASGI scope into the request that workers see.

    Only peers inside the `trusted` networks may say whom they forward for.
    """

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        networks = tuple(trusted)

        @functools.lru_cache(maxsize=4096)
        def trusts(address: str) -> bool:
            try:
                ip = ipaddress.ip_address(address)
            except ValueError:
                return False
            return any(ip in network for network in networks)

        self._trusts = trusts

    def request(self, scope: Scope) -> Request:
        """The request of this scope. Raises GatewayError.

        Hop-by-hop fields are dropped, `Via` and the forwarding fields are added at the end; all
        else keeps its order, its repeats and its bytes.
        """
        fields: Headers = scope["headers"]
        known = {name: value for name, value in fields if name in OF_INTEREST}
        if known.get(b"upgrade", b"").lower() == b"websocket":
            raise GatewayError(errors.UPGRADE_UNSUPPORTED, "WebSockets are not supported yet")
        drop = NOT_FORWARDED
        if b"connection" in known:
            drop |= _nominated(fields)
        headers = [field for field in fields if field[0] not in drop]
        peer: tuple[str, int] = scope["client"] or ("unknown", 0)
        claims = _claims(fields) if self._trusts(peer[0]) else {}
        scheme = claims.get(b"x-forwarded-proto", scope["scheme"].encode())
        version = scope["http_version"].encode()
        authority = known.get(b"host", b"")
        headers += _added(claims, peer[0].encode(), authority, scheme, version)
        return Request(
            scope["method"].encode(),
            scheme,
            authority,
            _target(scope),
            version,
            headers,
            self._client(claims, peer),
            _body_length(known),
        )

    def _client(self, claims: dict[bytes, bytes], peer: tuple[str, int]) -> tuple[str, int]:
        """The first address, from the nearest one on, that no trusted proxy has."""
        addresses = [part.strip().decode("latin-1") for part in _for(claims).split(b",")]
        for address in reversed(addresses):
            if address and not self._trusts(address):
                return address, 0
        return peer


def _nominated(fields: Headers) -> frozenset[bytes]:
    options = connection_options(fields)
    if bad := options & NEVER_NOMINATED:
        names = ", ".join(sorted(name.decode() for name in bad))
        raise GatewayError(errors.BAD_REQUEST, f"Connection must not name {names}")
    return options


def _claims(fields: Headers) -> dict[bytes, bytes]:
    """What a trusted proxy says in its forwarding fields, repeats joined."""
    claims: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in FORWARDED:
            claims[name] = claims[name] + b", " + value if name in claims else value
    return claims


def _for(claims: dict[bytes, bytes]) -> bytes:
    return claims.get(b"x-forwarded-for", b"")


def _added(
    claims: dict[bytes, bytes], peer: bytes, host: bytes, scheme: bytes, version: bytes
) -> Headers:
    node = b'"[%b]"' % peer if b":" in peer else peer
    element = b'for=%b;host="%b";proto=%b' % (node, host, scheme)
    earlier = claims.get(b"forwarded")
    chain = _for(claims)
    return [
        (b"via", version + b" prack"),
        (b"forwarded", earlier + b", " + element if earlier else element),
        (b"x-forwarded-for", chain + b", " + peer if chain else peer),
        (b"x-forwarded-proto", scheme),
        (b"x-forwarded-host", claims.get(b"x-forwarded-host", host)),
    ]


def _target(scope: Scope) -> bytes:
    guard = scope.get("extensions", {}).get("prack")
    if guard is not None:
        target: bytes = guard["target"]
        return target
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def _body_length(known: dict[bytes, bytes]) -> int:
    if b"transfer-encoding" in known:
        return -1
    length = known.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 18:
        raise GatewayError(errors.BAD_REQUEST, "Content-Length must be a number")
    return int(length)
