"""What a request head must be like, whichever parser has read it (RFC 9112 sections 2, 3, 6).

Parsers differ in what they let through; these rules make them alike. Everything here is a pure
function of the head.
"""

import functools
import re

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.core.http.fields import connection_options
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import MAX_HEAD

# RFC 3986 section 3.2.2, with the zones that some clients leave in an address; and without commas,
# for so a proxy may have joined two Host fields.
HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~%-]+)?\]|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+;=:-]+\]"
    rb"|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::(\d*))?"
)
MAX_PORT = 65535
# 253 bytes of a name (RFC 1035 section 2.3.4), a last dot, a colon and a port.
MAX_HOST = 260
TARGET = re.compile(rb"[!\"$-~]+")
ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE)
# Fields that may come once (RFC 9110 section 5.3), where a second could be used to hide the first.
SINGLE = frozenset((b"authorization", b"content-length", b"content-type", b"host"))
FRAMINGS = frozenset((b"content-length", b"transfer-encoding"))
NO_BODY = b"content-length: 0\r\n"
CHECKED = frozenset((b"expect", b"transfer-encoding"))
# Fields that decide about framing or trust: workers that map names to variables (CGI, WSGI) could
# take a name with `_` for one of these.
DECISIVE = SINGLE.union(
    (b"connection", b"cookie", b"forwarded", b"transfer-encoding", b"upgrade", b"x-request-id"),
    (b"x-real-ip",),
)
DECISIVE_FAMILY = b"x-forwarded-"
# A client that nominates these as hop-by-hop wants a worker to see a different request.
NEVER_NOMINATED = frozenset(
    (b"authorization", b"content-length", b"content-type", b"cookie", b"host")
)
# What the WebSocket library is told to take of a handshake: as much as the guard takes of any head.
WEBSOCKET_LINE, WEBSOCKET_FIELDS = MAX_HEAD, 200


def checked_target(method: str, version: str, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """The target in origin-form, or `*`, and the authority (RFC 9112 section 3.2).

    Raises GatewayError.
    """
    if version not in ("1.1", "1.0"):
        known = version.partition(".")[0] in ("2", "3")
        _refuse(errors.VERSION_UNSUPPORTED if known else errors.FRAMING, f"HTTP/{version}")
    if method in ("CONNECT", "TRACE"):
        _refuse(errors.NOT_IMPLEMENTED, f"{method} is not supported")
    if not TARGET.fullmatch(target):
        _refuse(errors.FRAMING, "the target contains an invalid character")
    if not target.startswith(b"/"):
        target, host = _other_form(method, target, host)
    return target, host


def check_authority(version: str, authority: bytes) -> None:
    """Refuse what names no host, but for none of a request of HTTP/1.0. Raises GatewayError."""
    if (authority or version == "1.1") and not is_host(authority):
        _refuse(errors.BAD_HOST, "expected a name or an address, with an optional port")


def _other_form(method: str, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    if match := ABSOLUTE.fullmatch(target):
        host, rest = match.groups()
        return rest if rest.startswith(b"/") else b"/" + rest, host
    if target != b"*":
        _refuse(errors.FRAMING, "the target must start with a slash")
    if method != "OPTIONS":
        _refuse(errors.FRAMING, "only OPTIONS may have the target *")
    return target, host


def check_fields(version: str, fields: Headers, known: dict[bytes, bytes]) -> None:
    """Refuse fields that a worker could understand in another way than this gateway.

    `known` is `dict(fields)`, which tells of most heads that there is nothing to look for. Raises
    GatewayError.
    """
    if len(known) < len(fields) or not CHECKED.isdisjoint(known) or b"_" in b"".join(known):
        _check_each(version, fields)
    if version == "1.1" and b"host" not in known:
        _refuse(errors.BAD_HOST, "HTTP/1.1 requires a Host field")


def _check_each(version: str, fields: Headers) -> None:
    seen = set()
    for name, value in fields:
        if name in SINGLE:
            if name in seen:
                kind = errors.BAD_HOST if name == b"host" else errors.DUPLICATE_HEADER
                _refuse(kind, f"{name.decode()} occurs twice")
            seen.add(name)
        elif name == b"expect" and value.lower() != b"100-continue":
            _refuse(errors.EXPECTATION_FAILED, "only 100-continue is supported")
        elif b"_" in name and _is_decisive(name.replace(b"_", b"-").strip(b"-")):
            _refuse(errors.AMBIGUOUS_HEADER, f"{name.decode('latin-1')}: use - instead of _")
        elif name == b"transfer-encoding":
            seen.add(name)
            _check_coding(version, value)
    if seen >= FRAMINGS:
        _refuse(errors.FRAMING, "Content-Length and Transfer-Encoding exclude each other")


def _is_decisive(name: bytes) -> bool:
    return name in DECISIVE or name.startswith(DECISIVE_FAMILY)


def nominated(fields: Headers) -> frozenset[bytes]:
    """The fields that Connection names. Raises GatewayError for those it must not name."""
    options = connection_options(fields)
    if bad := options & NEVER_NOMINATED:
        names = ", ".join(sorted(name.decode() for name in bad))
        _refuse(errors.BAD_REQUEST, f"Connection must not name {names}")
    return options


def framing_lines(fields: Headers) -> bytes:
    """The lines of a head that say where the body ends; empty if there is none.

    Some clients say of a handshake, too, that its body has no bytes.
    """
    lines = [b"%b: %b\r\n" % field for field in fields if field[0] in FRAMINGS]
    return b"" if lines == [NO_BODY] else b"".join(lines)


def is_host(host: bytes) -> bool:
    """Whether this is a host, and perhaps a port (RFC 9110 section 7.2)."""
    return len(host) <= MAX_HOST and _is_host(host)


@functools.lru_cache(maxsize=1024)
def _is_host(host: bytes) -> bool:
    match = HOST.fullmatch(host)
    return match is not None and int(match[1] or 0) <= MAX_PORT


def _check_coding(version: str, value: bytes) -> None:
    codings = [coding.strip().lower() for coding in value.split(b",")]
    if version == "1.0":
        _refuse(errors.FRAMING, "HTTP/1.0 does not support Transfer-Encoding")
    if codings != [b"chunked"]:
        known = codings[-1] == b"chunked" and codings.count(b"chunked") == 1
        _refuse(
            errors.NOT_IMPLEMENTED if known else errors.FRAMING,
            "the only supported Transfer-Encoding is chunked",
        )


def _refuse(kind: ErrorKind, detail: str) -> None:
    raise GatewayError(kind, detail)
