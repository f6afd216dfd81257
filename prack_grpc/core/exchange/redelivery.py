"""Which requests a second worker may be given when the first was lost (promise 2)."""

from prack_grpc.core.http.message import Request

# RFC 9110 section 9.2.2.
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


def repeatable(request: Request) -> bool:
    """Done twice it does no more than once, or its client says by which key it can be told."""
    keyed = any(name == b"idempotency-key" for name, _ in request.headers)
    return keyed or request.method in IDEMPOTENT
