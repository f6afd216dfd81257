"""A gateway that lives a random life, and how its effects are checked."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from prack_grpc.core import errors
from prack_grpc.core.answering import Answering
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Cancel, Deliver, Effects, Fail, Grant
from prack_grpc.core.errors import GatewayError, Late
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy
from tests.core.lines import SERVICE, Place, pool_of, rank
from tests.core.model import Model
from tests.core.owed import Owed

LIMITS = Limits(
    queue_timeout=3.0,
    head_timeout=1.5,
    idle_timeout=1.0,
    lease_max=4.0,
    queue_requests=6,
    queue_bytes=200,
    newest_first_after=0.9,
    max_attempts=3,
    window=64,
    inline_body=32,
    request_buffer=80,
    response_buffer=100,
    slow_reader=0.4,
    rest_body=96,
    websocket_idle=3.0,
    max_sessions=5,
    session_routes=2,
    max_routes=5,
    route_linger=1.0,
    share_linger=0.5,
    remembered_leases=6,
    last_slot_of=2,
    lately=3,
)
TICK, EPSILON = 0.05, 1e-9

HEADERS = [[], [], [(b"idempotency-key", b"1")], [(b"user", b"ann")], [(b"user", b"bob")]]

T = TypeVar("T")
picks = st.integers(0, 11)
sizes = st.sampled_from([0, 1, 7, 31, 32, 33, 64, 65])
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from([b"GET", b"GET", b"POST"]),
        "headers": st.sampled_from(HEADERS),
        "priority": st.sampled_from([3, 3, 3, 0, 7]),
        "counts_for": st.sampled_from(["", "a", "a", "a", "b"]),
        "target": st.sampled_from([b"/", b"/x", b"/x/y?z", b"/xy"]),
        "host": st.sampled_from([b"a.test", b"b.a.test:80", b"c.test"]),
        "kind": st.sampled_from([Kind.HTTP, Kind.HTTP, Kind.HTTP, Kind.WEBSOCKET]),
    }
)
bodies = st.sampled_from([(0, True), (0, True), (5, True), (40, True), (0, False), (40, False)])
workers = st.sampled_from(["stream", "stream", "poll", "rest"])
kinds = st.sampled_from([(Kind.HTTP,), (Kind.HTTP,), tuple(Kind), (Kind.WEBSOCKET,)])
slots = st.integers(1, 3)
websocket_slots = st.sampled_from([0, 0, 1, 2])
POOLS = [(SERVICE, "v1"), (SERVICE, "v2"), (SERVICE, "v3"), ("", "")]
abouts = st.tuples(
    st.sampled_from(POOLS[:2] * 2 + POOLS),
    st.sampled_from([0, 0, 0, 1]),  # tier
    st.sampled_from([0.0, 0.0, 0.4]),  # lease, if it is no stream
    websocket_slots,  # if it is a stream
    st.booleans(),  # collects, if it is no stream
)
splits = st.one_of(
    st.none(),
    st.builds(
        Split,
        st.just(SERVICE),
        st.sampled_from([(("v1", 1), ("v2", 1)), (("v2", 3), ("v1", 0)), (("v1", 1),)]),
        st.sampled_from([None, Sticky(StickyBy.HEADER, "user")]),
    ),
)
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
    """A dispatcher and its model, and the effects of the one checked against the other.

    `lost_now`: what was taken from lost workers in a step that may have done so in any order.
    """

    hand_out: type[HandOut] = HandOut

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.ids = count()
        self.old_names: list[str] = []
        self.timer_is_late = False
        self.lost_now: list[Owed] = []

    def open(self) -> None:
        """A new life."""
        self.steps = self.hand_out(LIMITS, self.now)
        self.core = Dispatcher(self.steps)
        self.answering = Answering(self.steps)
        self.model = Model(LIMITS)

    def lanes(self) -> dict[Place, ExchangeLane]:
        """All lanes of the queue."""
        lanes = self.core.queue.lanes()
        return {(lane.kind, lane.route, pool_of(lane)): lane for lane in lanes}

    def follow(self) -> None:
        """Lines may have come or gone."""
        self.model.lanes = lanes = self.lanes()
        live = {place: lane is lane.base or lane.live for place, lane in lanes.items()}
        self.model.follow(live, self.now)

    # ------------------------------------------------------------ effects

    def perform(self, effects: Effects) -> None:
        """Do what the shell would do, and check that it may be done."""
        self.end_polls(self.act_on(effects))

    def act_on(self, effects: Effects) -> set[Lease]:
        """Check that this may be done. Returns what was handed out."""
        self.follow()
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
                case Grant(lease):
                    assert self.holds_up(lease.exchange), "lent though nobody waits for its slot"
        return fresh

    def end_polls(self, fresh: set[Lease]) -> None:
        """A poll that was handed something is over."""
        for poll in {lease.session for lease in fresh} & self.model.polls:
            self.core.drain(poll, self.now)
            self.model.drained.add(poll)

    def deliver(self, lease: Lease) -> None:
        model, session = self.model, lease.session
        owed = model.owed[lease.exchange]
        assert owed.unfinished, "S5: nobody waits for it"
        assert not owed.in_hand, "S3: another worker may have begun it"
        assert owed.hand_outs - owed.never_left < LIMITS.max_attempts, "S3: too many hand-outs"
        assert self.now < owed.wait_until, "S5: handed out after its time"
        free = model.free(session, lease.exchange.request.kind)
        assert free > 0, "promise 3: no slot is free, or the worker drains"
        place = self.place_of(lease.exchange)
        takers = model.takers(place, owed.coming)
        assert session in takers, "O4: a slot that is kept for requests that are here"
        if not self.lost_now:
            assert owed in model.next_for(session, self.now), "promise 4: another one was next"
            first = min(rank(one, place) for one in takers)
            assert rank(session, place) == first, "a worker of a lower tier is free for it"
        numbers = [one.assignment.number for one in model.hands if one.session is session]
        assert lease.assignment.number == max(numbers, default=0) + 1 <= session.last_number
        model.hand_out(lease, self.now)

    def place_of(self, exchange: Exchange) -> Place:
        """The line that it belongs to."""
        return exchange.request.kind, exchange.lane.route, pool_of(exchange.lane)

    def cancel(self, lease: Lease) -> None:
        hand = self.model.hands[lease]
        assert hand.open, "cancelled though its worker has let go, or cancelled twice"
        assert not hand.owed.unfinished, "cancelled though somebody waits"
        hand.state = Work.CANCELLED
        if not lease.session.profile.acknowledges:
            self.model.close(hand, Late.GONE, self.now)

    def holds_up(self, exchange: Exchange) -> bool:
        """Others wait for a slot, and its worker could serve them."""
        model, lease = self.model, exchange.lease
        if lease is None or exchange.request.kind is Kind.WEBSOCKET:
            return False
        for place in model.places(lease.session):
            coming = [owed.coming for owed in model.lines[place]]
            if not all(coming) or (coming and not model.ready(place)):
                return True
        return False

    def fail(self, exchange: Exchange, error: GatewayError) -> None:
        owed, kind = self.model.owed[exchange], error.kind
        assert owed.unfinished, "S1: a second outcome"
        if kind is errors.SLOW_READER:
            assert self.now >= owed.head_at + LIMITS.slow_reader, "cut too early"
            assert owed.begun, "nothing was there to be read"
            assert self.holds_up(exchange), "cut though nobody waits for its slot"
        owed.outcome = Outcome.GATEWAY_ERROR
        self.model.unline(owed)
        if kind.status == 503:
            assert not owed.may_be_started, "503 says that no worker has started it"
        if kind is errors.WORKER_LOST:
            assert owed.may_be_started, "there was no worker to lose"
        if kind in (errors.QUEUE_TIMEOUT, errors.NO_WORKERS):
            assert self.now >= owed.wait_until - EPSILON, "given up too early"
        assert exchange.upload.buffered == 0

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
            (list(core.paused), dict(core.queue.splits)),
            [
                (place, list(lane.waiting), list(lane.uploads), list(lane.ready), list(lane.open))
                for place, lane in self.lanes().items()
            ],
            [
                (
                    s,
                    s.slots,
                    s.websocket_slots,
                    s.sockets,
                    s.draining,
                    s.lost,
                    s.paused,
                    list(s.held),
                    s.uploads,
                )
                for s in core.queue.sessions
            ],
            [(place, lane.busy, dict(lane.held)) for place, lane in self.lanes().items()],
            [
                (e.state, e.lane, e.slice, e.attempt, e.repeated, e.wait_until, e.outcome, e.lease)
                for e in model.owed
            ],
            [
                (flow.pushed, flow.taken, flow.granted, flow.allowed, flow.ended)
                for e in model.owed
                for flow in (e.upload, e.download)
            ],
            [(one.state, one.received, one.expected, one.expires_at) for one in model.hands],
        )
