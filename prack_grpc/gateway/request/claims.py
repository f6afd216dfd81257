"""What a trusted proxy says of its client: X-Forwarded-* and Forwarded (RFC 7239), parsed.

Nothing goes on to workers as it came: only what was understood is written anew. Of a list, each
proxy writes the last part, so that what comes before a part that nobody understands has no witness:
it is dropped with it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

from prack_grpc.core.http.fields import TOKEN
from prack_grpc.core.http.message import Headers
from prack_grpc.gateway.request.addresses import UNKNOWN, Node, node
from prack_grpc.gateway.request.head import is_host

FOR, PROTO, HOST = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"
PREFIX, FORWARDED = b"x-forwarded-prefix", b"forwarded"
NAMES = frozenset((FOR, PROTO, HOST, PREFIX, FORWARDED))
# A WebSocket's scheme is that of the request that asked for it.
SCHEMES = {b"http": b"http", b"https": b"https", b"ws": b"http", b"wss": b"https"}
# A path of RFC 3986 that a link can begin with: `//` would begin with a host.
PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+;=:@-]|%[0-9A-Fa-f]{2})+)+/?|/")
# One parameter and what ends it. Values that should be quoted and are not, such as addresses with
# a port, are taken: the next proxy gets them quoted.
PAIR = re.compile(
    rb"[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)="
    rb"(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;\\]+))[ \t]*)?(;|,|$)"
)
ESCAPED = re.compile(rb"\\(.)")

NODES = (b"for", b"by")
# More than any way has; each costs a little.
MAX_HOPS = 100

# Each proxy's word, the furthest first; None where it has said nothing.
Words = list[bytes | None]
Element = dict[bytes, bytes]


@dataclass(slots=True)
class Claims:
    """The words of all proxies. `elements` are those of Forwarded, ready to be sent."""

    chain: list[Node] = field(default_factory=list)
    schemes: Words = field(default_factory=list)
    hosts: Words = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    elements: list[bytes] = field(default_factory=list)
    dropped: int = 0  # parts that could not be parsed

    def client(self, peer: Node, trusts: Callable[[str], bool]) -> tuple[Node, int]:
        """The first address, from the nearest one on, that no trusted proxy has; its place.

        If all are trusted it is the furthest; beyond a node that nobody names is nobody's word.
        """
        found, at = peer, 0
        for at in reversed(range(len(self.chain))):
            if self.chain[at] == UNKNOWN:
                break
            found = self.chain[at]
            if not trusts(found.address):
                break
        return found, at

    def of(self, words: Words, at: int) -> bytes | None:
        """What was said of the client in this place of the chain, or of who came after it.

        Where the lists do not go together it is the first word.
        """
        first = at if len(words) == len(self.chain) else 0
        return next(filter(None, words[first:]), None)

    def addresses(self) -> list[bytes]:
        """The chain as X-Forwarded-For has it."""
        return [address.encode() for address, _ in self.chain]


def claims_of(fields: Headers) -> Claims:
    """What is said in these. Forwarded counts only where there is no X-Forwarded-*.

    A proxy writes one of the two, and lets the other through as any client has sent it.
    """
    said: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name in NAMES:
            said.setdefault(name, []).append(value)
    claims = Claims()
    if said.keys() & {FOR, PROTO, HOST}:
        _chain(claims, _list(said.get(FOR, ())))
        claims.schemes = _words(claims, said.get(PROTO, ()), scheme)
        claims.hosts = _words(claims, said.get(HOST, ()), _host)
    elements = _elements(claims, said.get(FORWARDED, ()))
    claims.elements = [_written(element) for element in elements]
    if not said.keys() & {FOR, PROTO, HOST}:
        claims.chain = [_node(element.get(b"for", b"unknown")) or UNKNOWN for element in elements]
        claims.schemes = [element.get(b"proto") for element in elements]
        claims.hosts = [element.get(b"host") for element in elements]
    prefixes = _words(claims, said.get(PREFIX, ()), _prefix)
    claims.prefixes = [prefix for prefix in prefixes if prefix]
    return claims


def scheme(word: bytes) -> bytes | None:
    """The scheme of HTTP that this stands for."""
    return SCHEMES.get(word.lower())


def _host(word: bytes) -> bytes | None:
    return word if is_host(word) else None


def _prefix(word: bytes) -> bytes | None:
    return word if PATH.fullmatch(word) else None


def _node(word: bytes) -> Node | None:
    return node(word.decode("latin-1"))


def _list(values: list[bytes] | tuple[()]) -> list[bytes]:
    """The parts of a list, empty ones left out (RFC 9110 section 5.6.1)."""
    return [part for part in (part.strip() for part in b",".join(values).split(b",")) if part]


def _chain(claims: Claims, words: list[bytes]) -> None:
    for word in reversed(words):
        known = _node(word)
        if known is None or len(claims.chain) == MAX_HOPS:
            claims.dropped += 1
            break
        claims.chain.append(known)
    claims.chain.reverse()


def _words(
    claims: Claims, values: list[bytes] | tuple[()], parse: Callable[[bytes], bytes | None]
) -> Words:
    parts = _list(values)
    words: Words = [word for word in map(parse, parts) if word]
    claims.dropped += len(parts) - len(words)
    return words


def _elements(claims: Claims, values: list[bytes] | tuple[()]) -> list[Element]:
    """The elements that were understood, the nearest one last."""
    elements: list[Element] = []
    for element in chain.from_iterable(map(_backwards, reversed(values))):
        if element is None or not _has_nodes(element) or len(elements) == MAX_HOPS:
            claims.dropped += 1
            break
        elements.append(_checked(claims, element))
    elements.reverse()
    return elements


def _backwards(value: bytes) -> list[Element] | list[None]:
    elements = parse_forwarded(value)
    return [None] if elements is None else elements[::-1]


def parse_forwarded(value: bytes) -> list[Element] | None:
    """The elements of one Forwarded field, names in lower case; None if it is none."""
    elements: list[Element] = []
    element: Element = {}
    at, end = 0, b","
    while end:
        match = PAIR.match(value, at)
        if match is None:
            return None
        name, in_quotes, plain, end = match.groups()
        if name is not None:
            if name.lower() in element:
                return None
            element[name.lower()] = plain or ESCAPED.sub(rb"\1", in_quotes or b"")
        if end != b";":
            elements += [element] if element else []
            element = {}
        at = match.end()
    return elements


def _has_nodes(element: Element) -> bool:
    return all(_node(element[name]) for name in NODES if name in element)


def _checked(claims: Claims, element: Element) -> Element:
    """This element with scheme and host as they must be, or without."""
    checked: Element = {}
    for name, value in element.items():
        word = CHECKS[name](value) if name in CHECKS else value
        if word is None:
            claims.dropped += 1
        else:
            checked[name] = word
    return checked


def _written(element: Element) -> bytes:
    pairs = [b"%b=%b" % (name, quoted(value)) for name, value in element.items()]
    return b";".join(pairs) or b"for=unknown"  # it counts as a hop, though nothing is left of it


def _spelled(word: bytes) -> bytes:
    """A node of Forwarded in its one spelling; one that hides its address stays as it is."""
    known = _node(word)
    return node_text(known) if known and known != UNKNOWN else word


CHECKS = {b"proto": scheme, b"host": _host, b"for": _spelled, b"by": _spelled}


def node_text(known: Node) -> bytes:
    """As RFC 7239 section 6 has it, before it is quoted."""
    address = f"[{known.address}]" if ":" in known.address else known.address
    return f"{address}:{known.port}".encode() if known.port else address.encode()


def quoted(value: bytes) -> bytes:
    """This value of a parameter, in quotes where it takes some."""
    if TOKEN.fullmatch(value):
        return value
    return b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", value)
