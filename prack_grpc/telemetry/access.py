"""One line for every request, also for those that die in the queue."""

import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Request

log = logging.getLogger("prack.access")
Address = tuple[str, int]
GONE = "client_gone"
# W3C Trace Context, section 3.2; an id of zeros is none.
TRACE_PARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)")


class Queued(Protocol):
    """A request that was accepted, see `broker.ticket`: `left` says that its client has gone.

    Instants are those of `time.monotonic`, 0 for what did not happen.
    """

    id: str
    route: str
    assignment: Assignment | None
    earlier: tuple[tuple[Assignment, float], ...]
    since: float
    handed: float
    answered: float
    left: bool


@dataclass(slots=True, eq=False)
class Record:
    """What is known of one request; the endpoint fills it in on the way.

    A `status` of 0: the client was sent nothing. `taken` and `sent` are bytes of the two bodies.
    It `began` with its head; it was `received` once all was here that is read before it is queued,
    and `started` is when the head of its response was written, 0 if that was its end, too.
    """

    method: str
    path: bytes
    query: bytes
    peer: tuple[str, int] | None
    request: Request | None = None
    ticket: Queued | None = None
    status: int = 0
    taken: int = 0
    sent: int = 0
    error: str | None = None
    began: float = field(default_factory=time.monotonic)
    received: float = 0.0
    started: float = 0.0
    _id: str = ""

    @property
    def request_id(self) -> str:
        """By which its client knows it; one that was not understood gets an id of its own."""
        if self.request is not None:
            return self.request.x_request_id
        if not self._id:
            self._id = secrets.token_hex(16)
        return self._id

    @property
    def trace_id(self) -> str | None:
        """That of our spans, or else the one of its client."""
        if self.request is None:
            return None
        if self.request.trace is not None:
            return self.request.trace.id
        parent = TRACE_PARENT.match(dict(self.request.headers).get(b"traceparent", b""))
        return parent[1].decode() if parent else None

    @property
    def client(self) -> str | None:
        """The address of the client, or of its peer until more is known."""
        client = self.request.client if self.request else self.peer
        return client[0] if client else None

    def fields(self, ended: float) -> dict[str, Any]:
        """The line as data: times in milliseconds, sizes in bytes."""
        total = ended - self.began
        ticket, path, query = self.ticket, self.path, self.query
        fields = {
            "action": "request",
            "method": self.method,
            "target": (path + b"?" + query if query else path).decode("latin-1"),
            "status": self.status,
            "bytes": self.sent,
            "total_ms": _ms(total),
            "client": self.client,
            "request_id": self.request_id,
        }
        if trace_id := self.trace_id:
            fields["trace_id"] = trace_id
        if ticket is not None:
            taken = ticket.assignment
            fields["queued_ms"] = _ms(taken.queued if taken else total)
            if ticket.answered > ticket.handed:
                first = (self.started or ended) - (self.received or self.began)
                fields["worker_ms"] = _ms(ticket.answered - ticket.handed)
                fields["gateway_ms"] = _ms(first - (ticket.answered - ticket.since))
            if ticket.id != self.request_id:
                fields["exchange"] = ticket.id
            fields["attempt"] = taken.attempt if taken else 0
            fields["worker"] = taken.worker if taken else None
            if ticket.left:
                fields["error"] = GONE
        if self.error:
            fields["error"] = self.error
        return fields


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


class Keeper(Protocol):
    """Who keeps books of requests: those that have ended, and how many were not understood."""

    def ended(self, record: Record, now: float) -> None:
        """A request is over."""

    def answered(self, record: Record, ticket: Queued, taken: Assignment, now: float) -> None:
        """The same for one whose response came whole from a worker, and was sent at once."""

    def refused(self, code: str) -> None:
        """A request was refused before it was understood."""


class Tracer(Protocol):
    """Who makes traces of requests."""

    def ended(self, record: Record, now: float) -> None:
        """A request is over."""


class AccessLog:
    """Hears of every request that ends: writes it down, unless that is switched off."""

    def __init__(self, enabled: bool = True, books: Keeper | None = None) -> None:
        self._enabled = enabled
        self._books = books
        self.tracer: Tracer | None = None

    def write(self, record: Record, whole: Queued | None = None) -> None:
        """One request is over. Its ticket is given if the response was sent `whole`."""
        now = time.monotonic()
        books = self._books
        if books is not None:
            if whole is not None and (taken := whole.assignment) is not None:
                books.answered(record, whole, taken, now)
            else:
                books.ended(record, now)
        if self.tracer is not None:
            self.tracer.ended(record, now)
        if self._enabled and log.isEnabledFor(logging.INFO):
            # As log.info does, but for looking up in which line of which file.
            line = logging.LogRecord(log.name, logging.INFO, "", 0, "request", None, None)
            vars(line).update(record.fields(now))
            log.handle(line)

    def refused(self, error: GatewayError, request_id: str, client: Address | None) -> None:
        """One request was refused before it could be understood."""
        if self._books is not None:
            self._books.refused(error.kind.code)
        log.info(
            "refused",
            extra={
                "action": "refused",
                "status": error.kind.status,
                "error": error.kind.code,
                "detail": error.detail,
                "client": client[0] if client else None,
                "request_id": request_id,
            },
        )
