"""Every error that the gateway itself makes, in one table.

`code` is the stable contract (see docs/errors.md); the HTTP status tells the client whether the
request may have run: 4xx and 503 never, 502 and 504 maybe.
"""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table.

    `proxy_error` is the error type of RFC 9209 section 2.3; `retry_after` is in seconds, 0 when
    trying again will not help.
    """

    code: str
    status: int
    proxy_error: str
    title: str
    retry_after: int = 0


QUEUE_FULL = ErrorKind(
    "queue_full", 503, "connection_limit_reached", "Too many requests are waiting", 1
)
OVERLOADED = ErrorKind(
    "overloaded",
    503,
    "destination_unavailable",
    "The queue is too long to be served within the time-out",
    1,
)
NO_WORKERS = ErrorKind(
    "no_workers", 503, "destination_unavailable", "No connected worker serves this request", 5
)
QUEUE_TIMEOUT = ErrorKind(
    "queue_timeout", 503, "destination_unavailable", "No worker was free in time", 5
)
REFUSED = ErrorKind(
    "refused", 503, "destination_unavailable", "Workers gave the request back unstarted", 1
)
DRAINING = ErrorKind("draining", 503, "destination_unavailable", "The gateway is stopping", 1)
WORKER_LOST = ErrorKind(
    "worker_lost", 502, "http_response_incomplete", "The worker was lost before it answered"
)
BAD_RESPONSE = ErrorKind(
    "bad_worker_response", 502, "http_protocol_error", "The worker's response was not valid"
)
WORKER_ERROR = ErrorKind(
    "worker_error", 502, "http_response_incomplete", "The worker failed to answer"
)
DEADLINE = ErrorKind("deadline", 504, "http_response_timeout", "The worker did not answer in time")
SLOW_READER = ErrorKind(
    "slow_reader",
    504,
    "http_response_timeout",
    "The client did not read the response while others waited for its worker",
)
UNSUPPORTED = ErrorKind(
    "unsupported", 501, "http_request_denied", "The worker does not support this request"
)
SHUTDOWN = ErrorKind(
    "shutdown", 502, "http_response_incomplete", "The gateway stopped before the worker answered"
)
BODY_TOO_LARGE = ErrorKind(
    "body_too_large", 413, "http_request_error", "The request body is too large"
)
BAD_REQUEST = ErrorKind("bad_request", 400, "http_request_error", "The request is not valid")
FRAMING = ErrorKind("framing", 400, "http_request_error", "The request is not valid HTTP/1.1")
BAD_HOST = ErrorKind("host", 400, "http_request_error", "The Host field is not valid")
AMBIGUOUS_HEADER = ErrorKind(
    "ambiguous_header",
    400,
    "http_request_error",
    "A field name is ambiguous: it contains _ instead of -",
)
DUPLICATE_HEADER = ErrorKind(
    "duplicate_header", 400, "http_request_error", "A field that may occur once occurs twice"
)
TARGET_TOO_LONG = ErrorKind(
    "target_too_long", 414, "http_request_error", "The request target is too long"
)
HEAD_TOO_LARGE = ErrorKind(
    "head_too_large", 431, "http_request_error", "The request head is too large"
)
TOO_MANY_CONNECTIONS = ErrorKind(
    "too_many_connections",
    429,
    "connection_limit_reached",
    "Too many connections from this address",
    1,
)
RATE_LIMITED = ErrorKind(
    "rate_limited", 429, "http_request_denied", "Too many requests from this client", 1
)
REQUEST_TIMEOUT = ErrorKind(
    "request_timeout", 408, "http_request_error", "The request did not arrive in time"
)
EXPECTATION_FAILED = ErrorKind(
    "expectation_failed",
    417,
    "http_request_error",
    "This value of the Expect field is not supported",
)
NOT_IMPLEMENTED = ErrorKind(
    "not_implemented", 501, "http_request_denied", "The gateway does not support this request"
)
VERSION_UNSUPPORTED = ErrorKind(
    "version_unsupported", 505, "http_request_error", "Only HTTP/1.0 and HTTP/1.1 are served"
)
STORE_FULL = ErrorKind(
    "store_full", 503, "connection_limit_reached", "Too many requests are kept for later", 60
)
STORE_FAILED = ErrorKind(
    "store_failed", 503, "proxy_internal_error", "The request could not be kept for later", 5
)
KEY_REUSED = ErrorKind(
    "key_reused", 422, "http_request_error", "Another request came with this Idempotency-Key"
)
UNKNOWN_DEFERRED = ErrorKind(
    "unknown_deferred", 404, "http_request_error", "No request of this name is kept"
)
DEFERRED_FAILED = ErrorKind(
    "deferred_failed", 502, "http_response_incomplete", "There is no answer to this request"
)
INTERNAL = ErrorKind("internal", 500, "proxy_internal_error", "Internal error of the gateway")

ALL = (
    QUEUE_FULL,
    OVERLOADED,
    NO_WORKERS,
    QUEUE_TIMEOUT,
    REFUSED,
    DRAINING,
    WORKER_LOST,
    BAD_RESPONSE,
    WORKER_ERROR,
    DEADLINE,
    SLOW_READER,
    UNSUPPORTED,
    SHUTDOWN,
    BODY_TOO_LARGE,
    BAD_REQUEST,
    FRAMING,
    BAD_HOST,
    AMBIGUOUS_HEADER,
    DUPLICATE_HEADER,
    TARGET_TOO_LONG,
    HEAD_TOO_LARGE,
    TOO_MANY_CONNECTIONS,
    RATE_LIMITED,
    REQUEST_TIMEOUT,
    EXPECTATION_FAILED,
    NOT_IMPLEMENTED,
    VERSION_UNSUPPORTED,
    STORE_FULL,
    STORE_FAILED,
    KEY_REUSED,
    UNKNOWN_DEFERRED,
    DEFERRED_FAILED,
    INTERNAL,
)


class PrackError(Exception):
    """Root of all errors of this package."""


class GatewayError(PrackError):
    """A client is owed this error instead of a worker's response.

    `retry_after` is in seconds, 0 when trying again will not help. `fields` are those of the
    response that say more, names in lower case.
    """

    def __init__(
        self,
        kind: ErrorKind,
        detail: str = "",
        retry_after: int = 0,
        fields: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(f"{kind.code}: {detail or kind.title}")
        self.kind = kind
        self.detail = detail or kind.title
        self.retry_after = retry_after or kind.retry_after
        self.fields = fields


class BadResponse(PrackError):
    """A worker's response cannot be passed on. `field` names the part that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class LeaseError(PrackError):
    """A worker's event does not fit the state of its lease. Nothing was changed."""


class Late(enum.Enum):
    """Why an identifier can no longer be answered: code, HTTP status, sentence."""

    UNKNOWN = (
        "unknown_request",
        404,
        "Unknown identifier: no such request was handed out, or it ended long ago",
    )
    ANSWERED = (
        "already_answered",
        409,
        "This request was already answered; the first answer counts",
    )
    STALE = ("stale_lease", 409, "This request was given back, or its lease expired")
    GONE = ("gone", 410, "No one waits for this answer any more")

    @property
    def code(self) -> str:
        """The stable word for it."""
        return str(self.value[0])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[1])

    @property
    def sentence(self) -> str:
        """What the worker is told."""
        return str(self.value[2])


# To look a member of an enumeration up costs 0.1 us (CPython 3.11); these are asked for often.
GONE, ANSWERED = Late.GONE, Late.ANSWERED


class NotHeld(PrackError):
    """The identifier names no open hand-out."""

    def __init__(self, late: Late) -> None:
        super().__init__(late.sentence)
        self.late = late


class WindowExceeded(PrackError):
    """A worker sent body bytes past the window that it was granted."""


class SlotGone(PrackError):
    """The slot that was lent for this request is there no more: no worker has seen it."""


class BadRoute(PrackError):
    """A route is not well-formed, or there are too many."""


class BadSplit(PrackError):
    """The requests of a service cannot be divided like this."""


class OutOfScope(PrackError):
    """A worker asks for what its credentials do not allow. `field` names the part, if it is one."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class TooManySessions(PrackError):
    """The gateway has as many workers and parked polls as it may have."""
