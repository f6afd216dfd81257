"""What a request looks like once it has crossed the gateway (RFC 9110 section 7.6, RFC 7239)."""

import functools
import logging
import re
from collections.abc import Iterable

from starlette.types import Scope

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.fields import HOP_BY_HOP
from prack_grpc.core.http.message import DEFAULT_URGENCY, Headers, Kind, Request
from prack_grpc.gateway.request.addresses import Network, Node, node, trusting
from prack_grpc.gateway.request.claims import NAMES, Claims, claims_of, node_text, quoted
from prack_grpc.gateway.request.head import FRAMINGS, check_fields, checked_target, nominated
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)


# Expect is answered by this gateway, the forwarding fields are written anew.
NOT_FORWARDED = HOP_BY_HOP | NAMES | {b"expect"}
# Applications believe these, so only a trusted proxy may send them.
TRUST = re.compile(rb"^(?:x-forwarded-|x-real-ip$)", re.MULTILINE)
# The urgency of RFC 9218 section 4.1, where a field of several parameters may have it.
URGENCY = re.compile(rb"(?:^|,)[ \t]*u=([0-7])[ \t]*(?:[,;]|$)")
# What is between the client and this gateway only (RFC 6455 section 4.1), and the length of a body
# that a handshake has not.
HANDSHAKE = frozenset(
    (
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-extensions",
        b"content-length",
    )
)
GARBLED = (
    "a trusted proxy sends forwarding fields that cannot be parsed: those parts are dropped; see "
    "what it does with X-Forwarded-* and Forwarded"
)
NO_CLAIMS = Claims()


class Forwarding:
    """Turns an ASGI scope into the request that workers see.

    Only peers inside the `trusted` networks may say whom they forward for and, with `priority`,
    how urgent it is.
    """

    def __init__(self, trusted: Iterable[Network] = (), priority: bool = False) -> None:
        self._trusts = trusting(trusted)
        self._priority = priority
        self._garbled = Complaint(log, "forwarding_dropped", GARBLED)

    def request(self, scope: Scope) -> Request:
        """The request of this scope. Raises GatewayError.

        Hop-by-hop fields are dropped, `Via` and the forwarding fields are added at the end; all
        else keeps its order, its repeats and its bytes.
        """
        fields: Headers = scope["headers"]
        version, peer = scope["http_version"], _peer(scope["client"])
        known = dict(fields)
        host = known.get(b"host", b"")
        target, authority = checked_target(scope["method"], version, _target(scope), host)
        check_fields(version, fields, known)
        headers, length = _forwarded(fields, known), 0
        if authority != host:
            headers = _replaced(headers, b"host", authority)
        if not FRAMINGS.isdisjoint(known):
            length = _body_length(known)
            if known.get(b"content-length", b"")[:1] == b"0":
                headers = _replaced(headers, b"content-length", b"%d" % length)
        trusted = self._trusts(peer.address)
        claims = NO_CLAIMS
        if trusted and not NAMES.isdisjoint(known):
            claims = self._claims(fields, peer)
        if not trusted and TRUST.search(b"\n".join(known)):
            headers = [field for field in headers if not TRUST.match(field[0])]
        client, scheme = peer, scope["scheme"].encode()
        if claims is NO_CLAIMS:
            headers.extend(_added_alone(peer.address, authority, scheme, version))
        else:
            client, at = claims.client(peer, self._trusts)
            scheme = claims.of(claims.schemes, at) or scheme
            said = claims.of(claims.hosts, at)
            headers.extend(_added(claims, said, peer.address, authority, scheme, version))
        return Request(
            scope["method"].encode(),
            scheme,
            authority,
            target,
            version.encode(),
            headers,
            client,
            length,
            expects=b"expect" in known and length != 0 and version == "1.1",
            priority=_urgency(fields) if trusted and self._priority else DEFAULT_URGENCY,
        )

    def websocket(self, scope: Scope) -> Request:
        """The request of a `websocket` scope, without the fields of its handshake.

        The worker knows it by its kind: scheme and fields are those of the HTTP request that
        asked for the upgrade. Raises GatewayError.
        """
        scheme = "https" if scope["scheme"] == "wss" else "http"
        fields = [field for field in scope["headers"] if field[0] not in HANDSHAKE]
        request = self.request({**scope, "method": "GET", "scheme": scheme, "headers": fields})
        request.kind, request.body_length = Kind.WEBSOCKET, -1
        return request

    def _claims(self, fields: Headers, peer: Node) -> Claims:
        claims = claims_of(fields)
        if claims.dropped:
            self._garbled.make(client=peer.address)
        return claims


# The requests of a connection have the same.
@functools.lru_cache(maxsize=4096)
def _peer(client: tuple[str, int] | None) -> Node:
    """The peer, in the one spelling of its address; a UNIX socket has none."""
    address, port = client or ("unknown", 0)
    known = node(address)
    return Node(known.address if known else address, port)


def _urgency(fields: Headers) -> int:
    value = b",".join(value for name, value in fields if name == b"priority")
    match = URGENCY.search(value)
    return int(match[1]) if match else DEFAULT_URGENCY


def _forwarded(fields: Headers, known: dict[bytes, bytes]) -> Headers:
    """A new list of what goes on to the worker. Raises GatewayError."""
    if NOT_FORWARDED.isdisjoint(known):
        return list(fields)
    drop = NOT_FORWARDED | nominated(fields) if b"connection" in known else NOT_FORWARDED
    return [field for field in fields if field[0] not in drop]


def _replaced(fields: Headers, name: bytes, value: bytes) -> Headers:
    return [(key, value if key == name else old) for key, old in fields]


def _added(
    claims: Claims, said: bytes | None, address: str, host: bytes, scheme: bytes, version: str
) -> Headers:
    """What is said of this hop, after what was said of those before it."""
    element = b"for=" + quoted(node_text(Node(address, 0)))
    if host:
        element += b';host="%b"' % host
    added = [
        (b"via", version.encode() + b" prack"),
        (b"forwarded", b", ".join([*claims.elements, element + b";proto=" + scheme])),
        (b"x-forwarded-for", b", ".join([*claims.addresses(), address.encode()])),
        (b"x-forwarded-proto", scheme),
    ]
    if host := said or host:
        added.append((b"x-forwarded-host", host))
    if claims.prefixes:
        added.append((b"x-forwarded-prefix", b", ".join(claims.prefixes)))
    return added


# A client's connection brings the same again and again.
@functools.lru_cache(maxsize=4096)
def _added_alone(address: str, host: bytes, scheme: bytes, version: str) -> Headers:
    return _added(NO_CLAIMS, None, address, host, scheme, version)


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
    length = known[b"content-length"]
    if not length.isdigit() or len(length) > 18:
        raise GatewayError(errors.BAD_REQUEST, "Content-Length must be a number")
    return int(length)
