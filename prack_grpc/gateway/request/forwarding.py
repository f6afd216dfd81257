"""What a request looks like once it has crossed the gateway (RFC 9110 section 7.6, RFC 7239)."""

import functools
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from starlette.types import Scope

from prack_grpc.broker.ticket import Identifiers
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.fields import HOP_BY_HOP
from prack_grpc.core.http.message import DEFAULT_URGENCY, Headers, Kind, Request, Trace
from prack_grpc.gateway.request.addresses import (
    UNKNOWN,
    Network,
    Node,
    counting,
    node,
    trusting,
)
from prack_grpc.gateway.request.claims import NAMES, Claims, claims_of, node_text, quoted
from prack_grpc.gateway.request.head import (
    CHECKED,
    check_authority,
    check_fields,
    checked_target,
    nominated,
)
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)


# Expect is answered by this gateway, the forwarding fields are written anew.
NOT_FORWARDED = HOP_BY_HOP | NAMES | {b"expect"}
# Applications believe these, so only a trusted proxy may send them.
TRUST = re.compile(rb"x-forwarded-|x-real-ip$|x-request-start$")
# Names of a head, in all. Whether more need a look is not remembered.
MAX_NAMES = 1024
REQUEST_ID, REQUEST_START = b"x-request-id", b"x-request-start"
# What is kept of these two, if it comes once. Proxies write the start in seconds, milli- or
# microseconds since 1970, and those who read it tell them apart by their size.
STAMPS = {
    REQUEST_ID: re.compile(rb"[!-~]{1,128}"),
    REQUEST_START: re.compile(rb"(?:t=)?[0-9]{10,16}(?:\.[0-9]{1,9})?"),
}
# The urgency of RFC 9218 section 4.1, where a field of several parameters may have it.
URGENCY = re.compile(rb"(?:^|,)[ \t]*u=([0-7])[ \t]*(?:[,;]|$)")
# What is between the client and this gateway only (RFC 6455 section 4.1), and the length of a body
# that a handshake has not.
KEYS = frozenset((b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions"))
HANDSHAKE = KEYS | {b"content-length"}
UPGRADE = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))
GARBLED = (
    "a trusted proxy sends forwarding fields that cannot be parsed: those parts are dropped; see "
    "what it does with X-Forwarded-* and Forwarded"
)
NO_CLAIMS = Claims()
Stamps = Mapping[bytes, bytes]
NO_STAMPS: Stamps = {}


class Hop(NamedTuple):
    """What requests of one peer to one host have in common, as long as nobody else is believed.

    The `peer` is its address, in its one spelling. `added` are the fields that tell of it, and it
    `counts_for` this client where limits are by client.
    """

    peer: str
    scheme: bytes
    version: bytes
    added: Headers
    counts_for: str


class Forwarding:
    """Turns an ASGI scope into the request that workers see.

    Hop-by-hop fields are dropped; `Via`, the forwarding fields, X-Request-Id and X-Request-Start
    are added at the end; all else keeps its order, its repeats and its bytes.

    Only peers inside the `trusted` networks may say whom they forward for and, with `priority`,
    how urgent it is. `follow` begins a trace of each. Their ids are those of this `gateway`.
    """

    def __init__(
        self,
        trusted: Iterable[Network] = (),
        priority: bool = False,
        follow: Callable[[Request], Trace] | None = None,
        gateway: str = "",
    ) -> None:
        self._trusts = trusting(trusted)
        self._counts_for = counting(self._trusts)
        self._priority = priority
        self._follow = follow
        self._garbled = Complaint(log, "forwarding_dropped", GARBLED)
        self._ids = Identifiers(gateway)
        # A client's connection brings the same again and again.
        self._hop = functools.lru_cache(maxsize=4096)(self._new_hop)

    def request(self, scope: Scope) -> Request:
        """The request of this scope. Raises GatewayError."""
        fields: Headers = scope["headers"]
        method: str = scope["method"]
        version: str = scope["http_version"]
        known = dict(fields)
        host = known.get(b"host", b"")
        sent: bytes = scope["extensions"]["prack"]["target"]
        target, authority = checked_target(method, version, sent, host)
        spelt, port = scope["client"] or UNKNOWN  # a UNIX socket has none
        peer, scheme, spoken, added, counts_for = self._hop(
            spelt, scope["scheme"], version, authority
        )
        claims, stamps, names = NO_CLAIMS, NO_STAMPS, b"\n".join(known)
        if len(known) == len(fields) and len(names) <= MAX_NAMES and _are_plain(names):
            headers = list(fields)
        else:
            check_fields(version, fields, known)
            headers, claims, stamps = self._sifted(fields, known, peer)
        client, length = (peer, port), 0
        if b"content-length" in known or b"transfer-encoding" in known:
            headers, length = _measured(headers, known)
        if authority != host:
            headers = _replaced(headers, b"host", authority)
        if claims is not NO_CLAIMS:
            client, at = claims.client(Node(peer, port), self._trusts)
            scheme = claims.of(claims.schemes, at) or scheme
            added = _added(claims, at, peer, authority, scheme, version)
            counts_for = self._counts_for(client[0])
        headers += added
        id_ = x_request_id = self._ids.next()
        if REQUEST_ID in stamps:
            x_request_id = stamps[REQUEST_ID].decode()
        else:
            headers.append((REQUEST_ID, id_.encode()))
        if REQUEST_START not in stamps:
            headers.append((REQUEST_START, b"t=%d" % (time.time_ns() // 1000)))
        urgency = self._urgency(fields, peer) if self._priority else DEFAULT_URGENCY
        expects = b"expect" in known and length != 0 and version == "1.1"
        request = Request(  # by position, which costs half of what names do
            method.encode(), scheme, authority, target, spoken, headers, client, length,
            id_, x_request_id, counts_for, urgency, expects,
        )  # fmt: skip
        if self._follow is not None:
            request.trace = self._follow(request)
        return request

    def _new_hop(self, spelt: str, scheme: str, version: str, authority: bytes) -> Hop:
        """Raises GatewayError."""
        check_authority(version, authority)
        known, spoken = node(spelt), scheme.encode()
        peer = known.address if known else spelt
        added = _added(NO_CLAIMS, 0, peer, authority, spoken, version)
        return Hop(peer, spoken, version.encode(), added, self._counts_for(peer))

    def websocket(self, scope: Scope) -> Request:
        """The request of a `websocket` scope, without the fields of its handshake.

        The worker knows it by its kind: scheme and fields are those of the HTTP request that
        asked for the upgrade. Raises GatewayError.
        """
        scheme = "https" if scope["scheme"] == "wss" else "http"
        fields = [field for field in scope["headers"] if field[0] not in HANDSHAKE]
        request = self.request({**scope, "method": "GET", "scheme": scheme, "headers": fields})
        request.kind, request.body_length = Kind.WEBSOCKET, -1
        request.handshake = (*UPGRADE, *(one for one in scope["headers"] if one[0] in KEYS))
        return request

    def _urgency(self, fields: Headers, peer: str) -> int:
        value = b",".join(value for name, value in fields if name == b"priority")
        match = URGENCY.search(value)
        return int(match[1]) if match and self._trusts(peer) else DEFAULT_URGENCY

    def _sifted(
        self, fields: Headers, known: dict[bytes, bytes], peer: str
    ) -> tuple[Headers, Claims, Stamps]:
        """What goes on to the worker, and what is believed of what was said. Raises GatewayError.

        The fields are a new list, without those that are written anew.
        """
        headers, claims = _forwarded(fields, known), NO_CLAIMS
        if not self._trusts(peer):
            headers = [field for field in headers if not TRUST.match(field[0])]
        elif not NAMES.isdisjoint(known):
            claims = claims_of(fields)
            if claims.dropped:
                self._garbled.make(client=peer)
        if STAMPS.keys().isdisjoint(known):
            return headers, claims, NO_STAMPS
        stamps = _kept(headers)
        kept = [field for field in headers if field[0] in stamps or field[0] not in STAMPS]
        return kept, claims, stamps


def _forwarded(fields: Headers, known: dict[bytes, bytes]) -> Headers:
    """A new list of what goes on to the worker. Raises GatewayError."""
    if NOT_FORWARDED.isdisjoint(known):
        return list(fields)
    drop = NOT_FORWARDED | nominated(fields) if b"connection" in known else NOT_FORWARDED
    return [field for field in fields if field[0] not in drop]


@functools.lru_cache(maxsize=1024)
def _are_plain(names: bytes) -> bool:
    """Whether fields with these names, a line each, are passed on without a look at any."""
    each = frozenset(names.split(b"\n"))
    looked_at = NOT_FORWARDED | CHECKED | frozenset(STAMPS)
    suspect = any(b"_" in name or TRUST.match(name) for name in each)
    return b"host" in each and each.isdisjoint(looked_at) and not suspect


def _kept(fields: Headers) -> Stamps:
    """The stamps that came once, and are what they should be."""
    kept = {}
    for name, pattern in STAMPS.items():
        values = [value for key, value in fields if key == name]
        if len(values) == 1 and pattern.fullmatch(values[0]):
            kept[name] = values[0]
    return kept


def _replaced(fields: Headers, name: bytes, value: bytes) -> Headers:
    return [(key, value if key == name else old) for key, old in fields]


def _added(
    claims: Claims, at: int, address: str, host: bytes, scheme: bytes, version: str
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
    if host := claims.of(claims.hosts, at) or host:
        added.append((b"x-forwarded-host", host))
    if claims.prefixes:
        added.append((b"x-forwarded-prefix", b", ".join(claims.prefixes)))
    return added


def _measured(fields: Headers, known: dict[bytes, bytes]) -> tuple[Headers, int]:
    """The length of the body, and fields that say it without zeros before. Raises GatewayError."""
    length = _body_length(known)
    if known.get(b"content-length", b"")[:1] == b"0":
        fields = _replaced(fields, b"content-length", b"%d" % length)
    return fields, length


def _body_length(known: dict[bytes, bytes]) -> int:
    if b"transfer-encoding" in known:
        return -1
    length = known[b"content-length"]
    if not length.isdigit() or len(length) > 18:
        raise GatewayError(errors.BAD_REQUEST, "Content-Length must be a number")
    return int(length)
