"""What the tests of the core are built from: requests, and a dispatcher with a clock of its own."""

import itertools
import math
from typing import Any

import pytest

from prack_grpc.core.answering import Answering
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Cancel, Deliver, Effects, Fail
from prack_grpc.core.errors import Late, NotHeld
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Headers, Kind, Request, ResponseHead
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.receivers import NOBODY, CancelReason
from prack_grpc.core.worker import TRUSTED, Profile

# A deadline may be one tick of 0.05 s late.
TICK = 0.06
_numbers = itertools.count(1)


def a_request(
    method: bytes = b"GET",
    target: bytes = b"/",
    host: bytes = b"shop.test",
    body_length: int = 0,
    headers: Headers | None = None,
    kind: Kind = Kind.HTTP,
    priority: int = 3,
    counts_for: str = "",
    expects: bool = False,
) -> Request:
    """A request as the public edge hands it over."""
    client = ("192.0.2.1", 5)
    fields, id_ = headers or [], f"{next(_numbers):032x}"
    return Request(
        method,
        b"http",
        host,
        target,
        b"1.1",
        fields,
        client,
        body_length,
        id_,
        id_,
        counts_for,
        priority,
        expects,
        kind,
    )


class NoWorker:
    """Takes the place of a worker: the core itself never calls one."""

    def deliver(self, assignment: Assignment) -> None:
        raise AssertionError("the core performs nothing")

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        raise AssertionError("the core performs nothing")

    def uploaded(self, assignment: Assignment) -> None:
        raise AssertionError("the core performs nothing")

    def grant(self, assignment: Assignment, offset: int) -> None:
        raise AssertionError("the core performs nothing")


NO_WORKER = NoWorker()


def a_session(
    *routes: str, worker: str = "worker", slots: int = 1, acknowledges: bool = True, **about: Any
) -> Session:
    """A worker with one slot, for everything if no route is named."""
    parsed = tuple(Route.parse(text) for text in routes or ("*",))
    profile = Profile(worker, slots, acknowledges, parsed, **about)
    return Session(profile, TRUSTED, NO_WORKER, slots, profile.websocket_slots)


def an_upload(limits: Limits, body: bytes, end: bool) -> Flow:
    """The request body as a broker sets it up."""
    if end and not body:
        return NO_BODY
    upload = Flow(max(limits.window, len(body)), keep=limits.inline_body)
    upload.push(body)
    upload.ended = end
    return upload


def a_head(
    body: bytes = b"", end: bool = True, length: int = -1, status: int = 200
) -> ResponseHead:
    """A checked response head."""
    return ResponseHead(status, [], body, end, length)


def next_deadline(steps: HandOut) -> float:
    """When the next time is over; infinity while nothing has a deadline."""
    times = steps.deadlines.next(), steps.queue.lingering.next()
    return min((time for time in times if time is not None), default=math.inf)


class Desk:
    """A dispatcher, and a clock that moves only when a test moves it.

    Sessions that `stream` makes acknowledge a cancel, those of `rest` do not.
    """

    def __init__(self, secret: bytes = b"", **limits: Any) -> None:
        self.now = 1000.0
        self.limits = Limits(**limits)
        self.steps = HandOut(self.limits, self.now, secret)
        self.core = Dispatcher(self.steps)
        self.answering = Answering(self.steps)
        self._submitted = 0

    def next_deadline(self) -> float:
        """When the next time is over; infinity while nothing has a deadline."""
        return next_deadline(self.steps)

    def submit(self, body: bytes = b"", end: bool = True, **request: Any) -> Exchange:
        """A new exchange; its id is the count of those before it."""
        id_ = str(self._submitted)
        upload = an_upload(self.limits, body, end)
        exchange, _ = self.core.submit(id_, a_request(**request), upload, NOBODY, self.now)
        self._submitted += 1
        return exchange

    def stream(self, *routes: str, **about: Any) -> Session:
        """A session that acknowledges has joined."""
        return self._join(a_session(*routes, **about))

    def rest(self, *routes: str, **about: Any) -> Session:
        """A session that does not acknowledge has joined."""
        return self._join(a_session(*routes, acknowledges=False, **about))

    def _join(self, session: Session) -> Session:
        self.core.join(session, self.now)
        return session

    def leased(self, body: bytes = b"", end: bool = True, **request: Any) -> Lease:
        """A new exchange in the hands of a worker that is free; there must be one."""
        lease = self.submit(body, end, **request).lease
        assert lease is not None
        return lease

    def answer(self, lease: Lease) -> Effects:
        """A whole small response, up to the client."""
        effects = self.answering.begin(lease, a_head(b"ok"), True, self.now)
        self.steps.complete(lease.exchange, self.now)
        return effects

    def begin(self, lease: Lease, body: bytes = b"", length: int = -1) -> Effects:
        """A response head that leaves the rest of the body for later."""
        return self.answering.begin(lease, a_head(body, False, length), False, self.now)

    def abort(self, lease: Lease, code: AbortCode) -> Effects:
        """The worker ends the exchange without a response."""
        return self.core.abort(lease, code, "", self.now)

    def refuse(self, lease: Lease) -> Effects:
        """The worker gives the exchange back unstarted."""
        return self.abort(lease, AbortCode.REFUSED)

    def pass_time(self, seconds: float) -> Effects:
        """Move the clock, and let expire what is due."""
        self.now += seconds
        return self.core.expire(self.now)

    @property
    def waiting(self) -> list[Exchange]:
        """Everything that waits, lane by lane."""
        lanes = self.core.queue.lanes()
        return [one for lane in lanes for one in (*lane.waiting, *lane.uploads)]


def delivered(effects: Effects) -> list[Exchange]:
    """The exchanges that these effects hand to workers, in order."""
    return [effect.lease.exchange for effect in effects if isinstance(effect, Deliver)]


def failures(effects: Effects) -> list[tuple[Exchange, str]]:
    """The exchanges that these effects fail, with the code of the error."""
    return [(one.exchange, one.error.kind.code) for one in effects if isinstance(one, Fail)]


def cancels(effects: Effects) -> list[tuple[Lease, CancelReason]]:
    """The leases that these effects cancel, with the reason."""
    return [(effect.lease, effect.reason) for effect in effects if isinstance(effect, Cancel)]


def verdict(desk: Desk, lease: Lease) -> Late:
    """What a late answer to this lease is told."""
    with pytest.raises(NotHeld) as caught:
        desk.core.ledger.find(lease.assignment.identifier, TRUSTED)
    return caught.value.late
