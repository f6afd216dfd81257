"""A gateway that lives a random life, and how its effects are checked."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from prack_grpc.core import errors
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Cancel, Deliver, Effects, Fail
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange import Exchange, Lease, Outcome, Work
from prack_grpc.core.ledger import Verdict
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind
from prack_grpc.core.routes import Lane, Route
from tests.core.building import a_request
from tests.core.model import Model, Owed, Place

LIMITS = Limits(
    queue_timeout=3.0,
    head_timeout=1.5,
    idle_timeout=1.0,
    lease_max=4.0,
    queue_requests=4,
    queue_bytes=150,
    max_attempts=2,
    window=64,
    inline_body=32,
    rest_body=96,
    websocket_idle=3.0,
    max_sessions=5,
    session_routes=2,
    max_routes=5,
    route_linger=1.0,
    remembered_leases=6,
)
TICK, EPSILON = 0.05, 1e-9

T = TypeVar("T")
picks = st.integers(0, 11)
sizes = st.sampled_from([0, 1, 7, 31, 32, 33, 64, 65])
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from([b"GET", b"POST"]),
        "target": st.sampled_from([b"/", b"/x", b"/x/y?z", b"/xy"]),
        "host": st.sampled_from([b"a.test", b"b.a.test:80", b"c.test"]),
        "kind": st.sampled_from([Kind.HTTP, Kind.HTTP, Kind.HTTP, Kind.WEBSOCKET]),
    }
)
bodies = st.sampled_from([(0, True), (0, True), (5, True), (40, True), (0, False), (40, False)])
workers = st.sampled_from(["stream", "stream", "poll", "rest"])
kinds = st.sampled_from([(Kind.HTTP,), (Kind.HTTP,), tuple(Kind), (Kind.WEBSOCKET,)])
slots = st.integers(1, 3)
routes = st.sampled_from(
    ["*", "*", "*", "/x", "a.test", "* /x", "POST/x *", "*.a.test a.test/x/y", "/x /x/y *"]
).map(lambda text: tuple(Route.parse(part.replace("POST", "POST ")) for part in text.split()))


def one(items: list[T], number: int) -> T:
    return items[number % len(items)]


def idle(owed: Owed) -> float:
    """How long its response may stand still."""
    websocket = owed.exchange.request.kind is Kind.WEBSOCKET
    return LIMITS.websocket_idle if websocket else LIMITS.idle_timeout


class Life(RuleBasedStateMachine):
    """A dispatcher and its model, and the effects of the one checked against the other."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.ids = count()
        self.old_names: list[str] = []
        self.timer_is_late = False

    def open(self) -> None:
        """A new life."""
        self.core = Dispatcher(LIMITS, self.now)
        self.model = Model(LIMITS)
        lanes = {kind: self.core.queue.lane(a_request(kind=kind)) for kind in Kind}
        self.kinds = {lane.table: kind for kind, lane in lanes.items()}

    def lanes(self) -> dict[Place, Lane]:
        """All lanes of the queue."""
        return {(self.kinds[lane.table], lane.route): lane for lane in self.core.queue.lanes()}

    # ------------------------------------------------------------ effects

    def perform(self, effects: Effects) -> None:
        """Do what the shell would do, and check that it may be done."""
        self.model.follow(set(self.lanes()), self.now)
        fresh: set[Lease] = set()
        for effect in effects:
            match effect:
                case Deliver(lease):
                    fresh.add(lease)
                    self.deliver(lease)
                case Cancel(lease):
                    assert lease not in fresh, "S5: handed out and cancelled in one step"
                    self.cancel(lease)
                case Fail(exchange, error):
                    self.fail(exchange, error)
        for poll in {lease.session for lease in fresh} & self.model.polls:
            self.core.drain(poll, self.now)
            self.model.drained.add(poll)

    def deliver(self, lease: Lease) -> None:
        model, session = self.model, lease.session
        owed = model.owed[lease.exchange]
        assert owed.unfinished, "S5: nobody waits for it"
        assert not owed.may_be_started, "S3: another worker may have begun it"
        assert owed.hand_outs - owed.never_left < LIMITS.max_attempts, "S3: too many hand-outs"
        assert self.now < owed.wait_until, "S5: handed out after its time"
        assert model.free(session), "promise 3: no slot is free, or the worker drains"
        assert owed is model.first_for(session), "promise 4: not the oldest for this worker"
        numbers = [one.number for one in model.hands if one.session is session]
        assert lease.number == max(numbers, default=0) + 1 <= session.last_number
        model.hand_out(lease, self.now)

    def cancel(self, lease: Lease) -> None:
        hand = self.model.hands[lease]
        assert hand.open, "cancelled though its worker has let go, or cancelled twice"
        assert not hand.owed.unfinished, "cancelled though somebody waits"
        hand.state = Work.CANCELLED
        if not lease.session.acknowledges:
            self.model.close(hand, Verdict.GONE, self.now)

    def fail(self, exchange: Exchange, error: GatewayError) -> None:
        owed, kind = self.model.owed[exchange], error.kind
        assert owed.unfinished, "S1: a second outcome"
        owed.outcome = Outcome.GATEWAY_ERROR
        self.model.unline(owed)
        if kind.status == 503:
            assert not owed.may_be_started, "503 says that no worker has started it"
        if kind in (errors.QUEUE_TIMEOUT, errors.NO_WORKERS):
            assert self.now >= owed.wait_until - EPSILON, "given up too early"
        assert exchange.upload.buffered == exchange.download.buffered == 0

    # ------------------------------------------------------------ refusals

    def refused(self, error: type[Exception], act: Callable[[], object]) -> Any:
        """This must be refused, and must change nothing."""
        before = self.picture()
        with pytest.raises(error) as caught:
            act()
        assert self.picture() == before, "a refused event has changed something"
        return caught.value

    def ignored(self, act: Callable[[], object]) -> object:
        """This must change nothing."""
        before = self.picture()
        result = act()
        assert self.picture() == before
        return result

    def picture(self) -> object:
        """Everything that an event could change."""
        core, model = self.core, self.model
        return (
            repr(core.counters),
            (core.queue.requests, core.queue.bytes, core.draining, len(core.ledger)),
            [(lane.route, list(lane.waiting), list(lane.ready)) for lane in core.queue.lanes()],
            [(s, s.slots, s.draining, s.lost, list(s.held)) for s in core.queue.sessions],
            [
                (e.state, e.lane.route, e.slice, e.attempt, e.wait_until, e.outcome, e.lease)
                for e in model.owed
            ],
            [
                (flow.pushed, flow.taken, flow.granted, flow.allowed, flow.ended)
                for e in model.owed
                for flow in (e.upload, e.download)
            ],
            [(one.state, one.received, one.expected, one.expires_at) for one in model.hands],
        )
