"""The head of a request, as the application gets it (RFC 9112, sections 2 and 3)."""

from __future__ import annotations

from prack_worker.exchange import Headers
from prack_worker.request import Request

CHUNKED = (b"transfer-encoding", b"chunked")


def request_head(request: Request, authority: bytes, more: Headers = ()) -> bytes:
    """What the client sent, byte for byte, then these fields.

    HTTP/1.1 needs a Host: a client of HTTP/1.0 that sent none asks for the `authority`.
    """
    fields = [*request.headers, *more]
    if not any(name == b"host" for name, _ in request.headers):
        fields.insert(0, (b"host", authority))
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("latin-1"), request.target)]
    lines += [b"%b: %b\r\n" % field for field in fields]
    return b"".join(lines) + b"\r\n"


def framing(request: Request, body: bytes | None) -> list[tuple[bytes, bytes]]:
    """The field that says how long the body is, if the client's do not.

    A body that is here whole has a length, which is more than all servers of WSGI can do without;
    None is one that comes in pieces.
    """
    if body == b"" or any(name == b"content-length" for name, _ in request.headers):
        return []
    if body is None:
        return [CHUNKED]
    return [(b"content-length", b"%d" % len(body))]
