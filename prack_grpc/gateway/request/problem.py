"""Errors as clients see them: RFC 9457 bodies and RFC 9209 Proxy-Status."""

import json

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers


def problem(error: GatewayError, request_id: str, close: bool) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the gateway's own answer; `close` ends the connection."""
    kind = error.kind
    body = json.dumps(
        {
            "type": f"urn:prack:error:{kind.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": error.detail,
            "code": kind.code,
            "request_id": request_id,
        }
    ).encode()
    status = f"prack; error={kind.proxy_error}; details={kind.code}"
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"proxy-status", status.encode()),
        (b"x-request-id", request_id.encode()),
        *error.fields,
    ]
    if error.retry_after:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if close:
        headers.append((b"connection", b"close"))
    return kind.status, headers, body
