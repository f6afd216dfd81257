"""One line for every request, also for those that die in the queue."""

import logging
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import HTTP, Kind, Request
from prack_grpc.core.worker import Profile

log = logging.getLogger("prack.access")
Address = tuple[str, int]
GONE = "client_gone"
MOST_TEXT = 512  # bytes of what a client can make as long as it likes
FIRST_ERROR = 500  # of a worker, by its status
KEPT_A_SECOND = 500  # details
WIDTH = 6  # of a row: queue, worker, ours, wait, taken, sent
FULL = 250 * WIDTH  # more than so many requests would not stay in a core's cache
MOST_TALLIES = 500  # if more are different in a second, they are counted before it is over
Labels = tuple[Profile | None, str, str, int, str, Kind]
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

    def details(self, ended: float) -> tuple[Any, ...]:
        """What nothing is counted by: the fields of `Ended` from there on.

        They are kept only of some, as all would live too long for their memory to be at hand again.
        """
        ticket, request = self.ticket, self.request
        authority, target = (request.authority, request.target) if request else (b"", b"")
        assignment = ticket and ticket.assignment
        return (
            ended, ticket.id if ticket else "", authority[:MOST_TEXT], target[:MOST_TEXT],
            self.client, assignment.attempt if assignment else 0,
            tuple((one.profile, at) for one, at in ticket.earlier) if ticket else (),
            ticket.since if ticket else self.received or self.began,
        )  # fmt: skip

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


class Tally:
    """What they have in common, a row of each, and when the last one ended; as `Ended` has it.

    One row follows the other in one list, as it takes less time than a tuple for each.
    `durations` are empty if they are the waits.
    """

    __slots__ = (
        "durations", "ended", "error", "kind", "method", "profile", "route", "rows", "status",
    )  # fmt: skip

    def __init__(
        self,
        profile: Profile | None,
        route: str,
        method: str,
        status: int,
        error: str = "",
        kind: Kind = HTTP,
    ) -> None:
        self.profile = profile
        self.route = route
        self.method = method
        self.status = status
        self.error = error
        self.kind = kind
        self.ended = 0.0
        self.clear()

    def clear(self) -> None:
        """Forget those that are counted."""
        self.rows: list[float] = []
        self.durations: list[float] = []

    @property
    def requests(self) -> int:
        """How many are not counted."""
        return len(self.rows) // WIDTH

    @property
    def labels(self) -> Labels:
        """What they have in common."""
        return self.profile, self.route, self.method, self.status, self.error, self.kind

    def columns(self) -> list[list[float]]:
        """The rows by their columns, and the durations."""
        columns = [self.rows[at::WIDTH] for at in range(WIDTH)]
        return [*columns, self.durations or columns[3]]


NONE = Tally(None, "", "", -1)  # no request ends like that


class Keeper(ABC):
    """Keeps what ended alike together, and the details of the last ones, until it is counted.

    What is done for each request is here, so that it takes no other module.
    """

    def __init__(self, most_details: int) -> None:
        self._details: deque[tuple[Any, ...]] = deque(maxlen=most_details)
        self._room = KEPT_A_SECOND  # for so many more of them in this second, if all goes well
        self._tally = NONE  # the last one
        self._tallies: dict[tuple[Any, ...], Tally] = {}

    @abstractmethod
    def count(self, tally: Tally) -> None:
        """Count its rows, and clear it."""

    @abstractmethod
    def refused(self, code: str) -> None:
        """A request was refused before it was understood."""

    def answered(self, record: Record, ticket: Queued, taken: Assignment, now: float) -> None:
        """One whose response came whole from a worker, and was sent at once.

        That are nearly all, so each byte code here counts.
        """
        # No more than three at a time: those would be made as tuples.
        tally, method, status = self._tally, record.method, record.status
        if (
            method != tally.method or status != tally.status
            or taken.profile is not tally.profile or taken.route is not tally.route
        ):  # fmt: skip
            tally = self._tally = self._find(taken.profile, taken.route, method, status)
        since, handed, answered = ticket.since, ticket.handed, ticket.answered
        wait, rows = now - record.began, tally.rows
        rows += (
            handed - since, answered - handed, wait - answered + since, wait,
            record.taken, record.sent,
        )  # fmt: skip
        tally.ended = now
        if self._room > 0 or status >= FIRST_ERROR:
            self._keep(tally, wait, record)
        if len(rows) == FULL:
            self.count(tally)

    def ended(self, record: Record, now: float) -> None:
        """Any other."""
        ticket, request, error = record.ticket, record.request, record.error or ""
        started, received = record.started or now, record.received or record.began
        profile, route = None, ""
        since = handed = answered = received
        if ticket is not None:  # or else it was refused, or answered, before it was queued
            since, taken = ticket.since, ticket.assignment
            if ticket.left and not error:
                error = GONE
            if taken is None:
                route = ticket.route
                handed = answered = started
            else:
                profile, route = taken.profile, taken.route
                handed, answered = ticket.handed, ticket.answered
                if answered < handed:
                    answered = started
        method, kind = (request.method.decode("latin-1"), request.kind) if request else ("", HTTP)
        tally = self._find(profile, route, method, record.status, error, kind)
        tally.rows += (
            handed - since, answered - handed, since - received + started - answered,
            started - record.began, record.taken, record.sent,
        )  # fmt: skip
        tally.durations.append(now - record.began)
        tally.ended = now
        if self._room > 0 or error or record.status >= FIRST_ERROR:
            self._keep(tally, now - record.began, record)
        if len(tally.rows) == FULL:
            self.count(tally)

    def settle(self) -> None:
        """Count what has ended."""
        for tally in self._tallies.values():
            if tally.rows:
                self.count(tally)
        self._tally = NONE
        self._tallies.clear()

    def _keep(self, tally: Tally, duration: float, record: Record) -> None:
        self._room -= 1
        row = *tally.labels, *tally.rows[-WIDTH:-2], duration, record.taken, record.sent
        self._details.append(row + record.details(tally.ended))

    def _find(self, profile: Profile | None, *others: Any) -> Tally:
        # By identity, which is quick: the tally holds the profile.
        key = (id(profile), *others)
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) == MOST_TALLIES:
                self.settle()
            tally = self._tallies[key] = Tally(profile, *others)
        return tally


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
