"""One request that is over, as the books keep it."""

from typing import Any, NamedTuple

from prack_grpc.core.http.message import WEBSOCKET, Kind
from prack_grpc.core.worker import Profile
from prack_grpc.telemetry.access import Queued, Record

GONE = "client_gone"
Row = tuple[Any, ...]


class HandedOut(NamedTuple):
    """One hand-out, at an instant of `time.monotonic`."""

    profile: Profile
    at: float


class Ended(NamedTuple):
    """Instants are those of `time.monotonic`, in the order in which they come, 0 for what did not.

    It `began` with its head, was `received` as far as it is read before it is queued, queued at
    `since`, `handed` out, `answered` with a head, which was `started` to be written, and `ended`.
    Where one of the last three but the end did not happen it is the next that did, so that their
    differences are times; without a `profile` no worker had it, with a `status` of 0 its client got
    nothing.
    """

    id: str
    kind: Kind
    method: bytes
    authority: bytes
    target: bytes
    client: str | None
    status: int
    error: str
    profile: Profile | None
    route: str
    attempt: int
    earlier: tuple[HandedOut, ...]
    began: float
    received: float
    since: float
    handed: float
    answered: float
    started: float
    ended: float
    taken: int
    sent: int

    @property
    def outcome(self) -> str:
        """Who ended it: `worker`, `gateway` or `client_gone`."""
        if self.error == GONE:
            return GONE
        return "gateway" if self.error else "worker"

    @property
    def socket(self) -> bool:
        """It was a WebSocket, whose duration says nothing about anybody's speed."""
        return self.kind is WEBSOCKET

    @property
    def queue(self) -> float:
        """Seconds that it waited for a worker."""
        return self.handed - self.since

    @property
    def worker(self) -> float:
        """Seconds that the worker took to answer."""
        return self.answered - self.handed

    @property
    def gateway(self) -> float:
        """Seconds to the first byte of its response that neither explains."""
        return max(0.0, self.since - self.received + self.started - self.answered)


def row(record: Record, ended: float) -> Row:
    """The fields of Ended, which only who reads them makes one of; the request itself may go."""
    ticket, request = record.ticket, record.request
    began, error = record.began, record.error or ""
    earlier: tuple[HandedOut, ...] = ()
    started = record.started or ended
    if ticket is None:
        since = handed = answered = record.received or began
        id_, route, profile, attempt = "", "", None, 0
    else:
        id_, route, since, handed, taken = (
            ticket.id, ticket.route, ticket.since, ticket.handed, ticket.assignment
        )  # fmt: skip
        if taken is None:
            handed = answered = started
            profile, attempt = None, 0
        else:
            profile, route, attempt = taken.profile, taken.route, taken.attempt
            answered = ticket.answered
            if answered < handed:
                answered = started
        if ticket.left and not error:
            error = GONE
        if ticket.earlier:
            earlier = _earlier(ticket)
    if request is None:
        kind, method, authority, target, client = Kind.HTTP, b"", b"", b"", record.client
    else:
        kind, method, authority, target, client = (
            request.kind, request.method, request.authority, request.target, request.client[0]
        )  # fmt: skip
    return (
        id_, kind, method, authority, target, client, record.status, error, profile, route, attempt,
        earlier, began, record.received or began, since, handed, answered, started, ended,
        record.taken, record.sent,
    )  # fmt: skip


def _earlier(ticket: Queued) -> tuple[HandedOut, ...]:
    return tuple(HandedOut(assignment.profile, at) for assignment, at in ticket.earlier)
