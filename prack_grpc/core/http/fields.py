"""Rules of HTTP fields: which stay on one hop, and what a worker's response may hold."""

import re

from prack_grpc.core.errors import BadResponse
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.limits import MAX_HEAD

# RFC 9110 section 7.6.1, and the older names that proxies treat alike.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# Fields that must be known before the body: framing, routing, authentication, caching.
NO_TRAILER = frozenset(
    (b"authorization", b"cache-control", b"content-length", b"content-type", b"host", b"set-cookie")
)
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110 section 5.5: no control bytes but tab. obs-text passes.
BAD_BYTES = bytes((*range(9), *range(10, 32), 127))
MAX_FIELDS = 100
# The same few names come all the time, in this spelling and in lower case.
NAMES: dict[bytes, bytes] = {}
MAX_NAMES, MAX_COMMON = 1024, 64
# Only the gateway speaks as "prack" (RFC 9209 section 2).
OWN_PROXY_STATUS = re.compile(rb'(?:^|,)\s*"?prack"?\s*(?:[;,]|$)', re.IGNORECASE)
# RFC 9110 sections 6.4.1, 15.3.5 and 15.4.5.
BODILESS = frozenset((204, 304))


def connection_options(headers: Headers) -> frozenset[bytes]:
    """The names that the Connection fields of these headers nominate (RFC 9110 section 7.6.1)."""
    values = [value for name, value in headers if name == b"connection"]
    return frozenset(option.strip().lower() for option in b",".join(values).split(b","))


def end_to_end(headers: Headers) -> Headers:
    """The fields that travel on: all but hop-by-hop ones and those that Connection names."""
    drop = HOP_BY_HOP | connection_options(headers)
    return [field for field in headers if field[0] not in drop]


def checked_interim(status: int, headers: Headers) -> ResponseHead:
    """Check a head that comes before the final one (RFC 9110 section 15.2). Raises BadResponse."""
    if status in (100, 101):
        raise BadResponse("status", f"{status} is reserved for the gateway")
    return ResponseHead(
        status, _without_length(end_to_end(_checked_headers(headers)[0])), b"", True, -1
    )


def checked_accept(headers: Headers, body: bytes, end: bool) -> ResponseHead:
    """Check the acceptance of an upgrade: a head whose body has no length. Raises BadResponse."""
    headers = _without_length(end_to_end(_checked_headers(headers)[0]))
    return ResponseHead(101, headers, body, end, -1)


def checked_trailers(headers: Headers) -> Headers:
    """Check trailer fields (RFC 9110 section 6.5.1). Raises BadResponse."""
    return [
        field for field in end_to_end(_checked_headers(headers)[0]) if field[0] not in NO_TRAILER
    ]


def checked_response(
    method: bytes, status: int, headers: Headers, body: bytes, end: bool
) -> ResponseHead:
    """Check a worker's response and rebuild its framing for the client.

    The result has no hop-by-hop fields, at most one Content-Length, and no body where RFC 9110
    forbids one. A complete body sets the Content-Length.

    Raises BadResponse; the worker is told, the client gets 502.
    """
    if not 200 <= status <= 599:
        raise BadResponse("status", "must be a number from 200 to 599")
    headers, known = _checked_headers(headers)
    if not HOP_BY_HOP.isdisjoint(known):
        headers = end_to_end(headers)
        known = dict(headers)
    length = _content_length(headers, known)
    if status in BODILESS or method == b"HEAD":
        if status == 204 and length >= 0:
            headers, length = _without_length(headers), -1
        return ResponseHead(status, headers, b"", True, length)
    if status == 205:
        body, end = b"", True
    if end and length != len(body):
        headers = _without_length(headers)
        headers.append((b"content-length", b"%d" % len(body)))
        length = len(body)
    elif 0 <= length < len(body):
        raise BadResponse("content-length", "is less than the body sent with it")
    return ResponseHead(status, headers, body, end, length)


def passed_response(status: int, headers: Headers, body: bytes, end: bool) -> ResponseHead:
    """What the gateway of its worker has checked. Raises BadResponse for a bad length."""
    return ResponseHead(status, headers, body, end, _content_length(headers, dict(headers)))


def _checked_headers(headers: Headers) -> tuple[Headers, dict[bytes, bytes]]:
    """The fields with names in lower case, and as a dictionary.

    That says of nearly all heads that there is nothing to look for.
    """
    if len(headers) > MAX_FIELDS:
        raise BadResponse("headers", f"more than {MAX_FIELDS} fields")
    checked: Headers = []
    known: dict[bytes, bytes] = {}
    parts: list[bytes] = []
    for spelt, padded in headers:
        name, value = NAMES.get(spelt) or _lower(spelt), padded.strip(b" \t")
        known[name] = value
        checked.append((name, value))
        parts += (name, value)
    text = b"".join(parts)
    if len(text.translate(None, BAD_BYTES)) < len(text):  # no name has such bytes
        name = next(name for name, value in checked if value.translate(None, BAD_BYTES) != value)
        raise BadResponse("headers", f"the value of {name[:64]!r} contains a control character")
    if len(text) + 4 * len(checked) > MAX_HEAD:
        raise BadResponse("headers", f"the head is larger than {MAX_HEAD} bytes")
    if b"proxy-status" in known:
        checked = [field for field in checked if not _is_own_status(*field)]
        known = dict(checked)
    return checked, known


def _lower(name: bytes) -> bytes:
    if not TOKEN.fullmatch(name):
        raise BadResponse("headers", f"{name[:64]!r} is not a valid field name")
    lower = name.lower()
    if len(name) <= MAX_COMMON:  # a long one is not worth its place in the memory
        if len(NAMES) >= MAX_NAMES:
            NAMES.clear()
        NAMES[name] = lower
    return lower


def _is_own_status(name: bytes, value: bytes) -> bool:
    return name == b"proxy-status" and OWN_PROXY_STATUS.search(value) is not None


def _content_length(headers: Headers, known: dict[bytes, bytes]) -> int:
    """The number, -1 without the field; `known` is `dict(headers)`."""
    value = known.get(b"content-length")
    if value is None:
        return -1
    repeated = len(known) < len(headers) and len(_without_length(headers)) < len(headers) - 1
    if repeated or not value.isdigit() or len(value) > 18:
        raise BadResponse("content-length", "must be one decimal number")
    return int(value)


def _without_length(headers: Headers) -> Headers:
    return [field for field in headers if field[0] != b"content-length"]
