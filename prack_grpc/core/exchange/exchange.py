"""The life of an exchange, as two coupled halves.

House rules: every state and transition is in this file, as data; an event that a table does not
list is refused and changes nothing; the two halves know each other only through `COUPLING`, so
that one day they can live on two machines.

The caller half (`Exchange`) is what the client is owed. The worker half (`Lease`) is one hand-out
to one worker. An exchange without a lease waits in its lane.
"""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prack_grpc.core.deadlines import NEVER
from prack_grpc.core.errors import ErrorKind, LeaseError
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.http.message import Request

if TYPE_CHECKING:
    from prack_grpc.core.exchange.session import Session
    from prack_grpc.core.queue.lane import Lane


class Caller(enum.IntEnum):
    """States of the caller half."""

    WAITING = 0  # nothing has been sent to the client
    ANSWERING = 1  # the head is on its way to the client
    DONE = 2  # see Exchange.outcome


class Call(enum.IntEnum):
    """Events of the caller half."""

    HEAD = 0  # a response head has come
    COMPLETE = 1  # the last byte was handed to the client's connection
    FAIL = 2  # the gateway answers in the worker's place, or cuts the response
    LEAVE = 3  # the client has gone


class Work(enum.IntEnum):
    """States of the worker half."""

    LEASED = 0  # in a worker's hands
    ANSWERING = 1  # the worker has sent the head
    CANCELLED = 2  # the gateway wants nothing more, the worker has not yet let go
    CLOSED = 3  # the slot is free again


class Event(enum.IntEnum):
    """Events of the worker half."""

    HEAD = 0
    DATA = 1
    FINISH = 2  # the normal end of the response
    ABORT = 3  # an end without a complete response
    CANCEL = 4  # by the gateway
    LOSE = 5  # the worker is gone
    RETURN = 6  # given back, and provably not started


# To look a member of an enumeration up costs 0.1 us (CPython 3.11); these are asked for often.
DONE = Caller.DONE
ANSWERING, CANCELLED, CLOSED = Work.ANSWERING, Work.CANCELLED, Work.CLOSED

CALLER: dict[Caller, dict[Call, Caller]] = {
    Caller.WAITING: {
        Call.HEAD: Caller.ANSWERING,
        Call.FAIL: Caller.DONE,
        Call.LEAVE: Caller.DONE,
    },
    Caller.ANSWERING: {
        Call.COMPLETE: Caller.DONE,
        Call.FAIL: Caller.DONE,
        Call.LEAVE: Caller.DONE,
    },
    Caller.DONE: {},
}

WORKER: dict[Work, dict[Event, Work]] = {
    Work.LEASED: {
        Event.HEAD: Work.ANSWERING,
        Event.ABORT: Work.CLOSED,
        Event.CANCEL: Work.CANCELLED,
        Event.LOSE: Work.CLOSED,
        Event.RETURN: Work.CLOSED,
    },
    Work.ANSWERING: {
        Event.DATA: Work.ANSWERING,
        Event.FINISH: Work.CLOSED,
        Event.ABORT: Work.CLOSED,
        Event.CANCEL: Work.CANCELLED,
        Event.LOSE: Work.CLOSED,
    },
    Work.CANCELLED: {
        Event.HEAD: Work.CANCELLED,
        Event.DATA: Work.CANCELLED,
        Event.FINISH: Work.CLOSED,
        Event.ABORT: Work.CLOSED,
        Event.LOSE: Work.CLOSED,
    },
    Work.CLOSED: {},
}

# What the end of the caller half means for a worker half that is in one of these states.
COUPLING: dict[Work, Event] = {Work.LEASED: Event.CANCEL, Work.ANSWERING: Event.CANCEL}


class Outcome(enum.StrEnum):
    """How an exchange ended."""

    WORKER = "worker"  # the client has the worker's response
    GATEWAY_ERROR = "gateway_error"  # the client has the gateway's answer, or a cut response
    CLIENT_GONE = "client_gone"


@dataclass(slots=True, eq=False)
class Exchange:
    """The caller half. `handle` belongs to the edge that the client is connected to.

    At `wait_until` its wait for a free worker is over. It was `repeated` if it went back to the
    queue though a worker may have begun it. `worker` was handed it last. Once both halves have
    ended it has no `lease`.
    """

    id: str
    request: Request
    lane: "Lane"
    sequence: int
    accepted_at: float
    wait_until: float
    upload: Flow
    handle: Any
    download: Flow = NO_BODY
    state: Caller = Caller.WAITING
    lease: "Lease | None" = None
    attempt: int = 0
    repeated: bool = False
    leased_at: float = 0.0
    worker: str | None = None
    queued_bytes: int = 0
    collected: int = 0
    outcome: Outcome | None = None
    error: ErrorKind | None = None
    slice: int = NEVER

    def take_events(self) -> None:
        """The worker of this WebSocket takes events: from now on this is their first batch."""
        if self.request.opening:
            self.request, body = self.request.opening
            self.upload = Flow(len(body), keep=len(body))
            self.upload.push(body)
            self.upload.ended = True

    def apply(self, event: Call) -> None:
        """Move the caller half on. Raises LeaseError, with nothing changed, if it must not."""
        try:
            self.state = CALLER[self.state][event]
        except KeyError:
            raise LeaseError(
                f"{event.name} does not fit a caller that is {self.state.name}"
            ) from None


@dataclass(slots=True, eq=False)
class Lease:
    """The worker half: one exchange in one worker's hands.

    `number` is unique within its session and increases. `received` counts the body bytes that the
    worker has sent, `expected` is what its head declared, -1 for any. `upload_sent` says that the
    worker has all of the request body.
    """

    exchange: Exchange
    session: "Session"
    number: int
    attempt: int
    expires_at: float
    state: Work = Work.LEASED
    received: int = 0
    expected: int = -1
    upload_sent: bool = False

    @property
    def identifier(self) -> str:
        """Names this hand-out and no other: the fence against late answers."""
        return f"{self.exchange.id}.{self.attempt}"

    @property
    def cancelled(self) -> bool:
        """The gateway wants nothing more of it; the worker still has its slot."""
        return self.state is CANCELLED

    def apply(self, event: Event) -> None:
        """Move the worker half on. Raises LeaseError, with nothing changed, if it must not."""
        try:
            self.state = WORKER[self.state][event]
        except KeyError:
            raise LeaseError(
                f"{event.name} does not fit a lease that is {self.state.name}"
            ) from None
