"""Errors as workers see them, in one table: RFC 9457 bodies with the original's `error`."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prack_grpc.core.errors import Late

if TYPE_CHECKING:
    from starlette.responses import Response

NO_STORE = {"Cache-Control": "no-store"}
# Of all pages: browsers load and run nothing, and show them in no frame.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
# What a connection can be upgraded to.
UPGRADE = "prack.v1"


@dataclass(frozen=True, slots=True)
class ApiKind:
    """One row of the table. `retry_after` is in seconds, 0 when trying again will not help."""

    code: str
    status: int
    title: str
    retry_after: int = 0


BAD_PARAMETER = ApiKind("bad_parameter", 400, "A parameter is invalid")
BAD_JSON = ApiKind("bad_json", 400, "The body is not valid JSON of the expected form")
BAD_BODY = ApiKind("bad_body", 400, "A value is not valid base64")
UNAUTHENTICATED = ApiKind("unauthenticated", 401, "A valid bearer token is required")
FORBIDDEN = ApiKind("forbidden", 403, "These credentials do not allow this")
CROSS_SITE = ApiKind(
    "cross_site", 403, "Web pages must not call this API; call it from a program, without Origin"
)
TOO_MANY_FAILURES = ApiKind(
    "too_many_failures", 429, "Too many calls without valid credentials; only valid ones pass", 1
)
UNKNOWN_HOST = ApiKind("unknown_host", 403, "This gateway does not know the name it was called by")
NOT_FOUND = ApiKind("not_found", 404, "There is no such endpoint")
BAD_METHOD = ApiKind("method_not_allowed", 405, "This endpoint does not support this method")
STALLED = ApiKind("upload_stalled", 408, "The upload of the body stalled")
OUT_OF_ORDER = ApiKind("out_of_order", 409, "This is not the next chunk")
BODY_BUSY = ApiKind("body_busy", 409, "The request body is already being read")
BODY_GONE = ApiKind(
    "body_gone", 410, "The request body was already read and is no longer available"
)
TOO_LARGE = ApiKind("too_large", 413, "The body is too large")
BAD_ANSWER = ApiKind(
    "bad_answer", 422, "The answer is not a valid HTTP response; the client got 502"
)
UPGRADE_REQUIRED = ApiKind(
    "upgrade_required", 426, f"This endpoint requires an upgrade to {UPGRADE}"
)
TOO_MANY_POLLS = ApiKind("too_many_polls", 429, "Too many polls are parked", 1)
TOO_MANY_ROUTES = ApiKind("too_many_routes", 429, "The gateway has too many routes", 1)
WINDOW_FULL = ApiKind(
    "window_full", 429, "The client does not accept more data now; send the chunk again", 1
)
INTERNAL = ApiKind("internal", 500, "Internal error of the gateway; see its log")
STORE_FAILED = ApiKind("store_failed", 503, "The store of requests does not answer", 5)
DRAINING = ApiKind("draining", 503, "The gateway is stopping; poll again, or another gateway", 1)
UNSAID = ApiKind("not_said", 503, "Nothing can be said to all gateways now", 1)
LATE = {late: ApiKind(late.code, late.status, late.sentence) for late in Late}


class ApiError(Exception):
    """A worker is owed this error. `field` names the part of its message that is wrong."""

    def __init__(self, kind: ApiKind, detail: str = "", field: str = "") -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail or kind.title
        self.field = field
        # Of an exchange whose answers were taken before this happened.
        self.results: list[dict[str, Any]] | None = None
        # The number of the chunk that is expected.
        self.next: int | None = None

    def members(self) -> dict[str, Any]:
        """What a batch says about an entry that failed."""
        members: dict[str, Any] = {"code": self.kind.code, "error": self.detail}
        return {**members, "field": self.field} if self.field else members

    def response(self) -> "Response":
        """The problem+json response."""
        # A gateway at rest answers nobody (decision 0061).
        from starlette.responses import Response

        kind = self.kind
        problem = {
            "type": f"urn:prack:error:{kind.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            **self.members(),
        }
        if self.results is not None:
            problem["results"] = self.results
        if self.next is not None:
            problem["next"] = self.next
        headers = dict(NO_STORE)
        if kind.retry_after:
            headers["Retry-After"] = str(kind.retry_after)
        if kind is UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        if kind is UPGRADE_REQUIRED:
            headers |= {"Connection": "Upgrade", "Upgrade": UPGRADE}
        return Response(json.dumps(problem), kind.status, headers, "application/problem+json")
