"""The promises, checked after every step of random lives of a dispatcher.

Clients, workers and the clock do whatever they can do, in any order; what the dispatcher makes of
it must be what the model beside it allows. `PRACK_HYPOTHESIS=nightly` runs many and long lives.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prack_grpc.core import errors
from prack_grpc.core.abort import UNSTARTED, AbortCode
from prack_grpc.core.deadlines import NEVER
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Cancel, CancelReason, Deliver, Effects, Fail
from prack_grpc.core.errors import (
    BadRoute,
    GatewayError,
    LeaseError,
    TooManySessions,
    WindowExceeded,
)
from prack_grpc.core.exchange import Exchange, Lease, Outcome, Work
from prack_grpc.core.flow import NO_BODY
from prack_grpc.core.ledger import NotHeld, Verdict
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind
from prack_grpc.core.routes import Lane, Route
from prack_grpc.core.session import Session
from tests.core.building import a_head, a_request, an_upload
from tests.core.model import DEFAULTS, Hand, Model, Owed, Place, bytes_of, places

NIGHTLY = os.environ.get("PRACK_HYPOTHESIS") == "nightly"
pytestmark = pytest.mark.timeout(0 if NIGHTLY else 120)

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
TIMES = [0.0, 0.01, TICK, 0.1, 0.1, 0.5, 0.5, 0.9, 0.95, 1.0, 1.05, 1.45, 1.5, 3.0, 6.0]

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


class Gateway(RuleBasedStateMachine):
    """A dispatcher, its model, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.ids = count()
        self.old_names: list[str] = []
        self.timer_is_late = False

    @initialize(
        sessions=st.lists(st.tuples(workers, slots, routes, kinds), min_size=1, max_size=4),
        submitted=st.lists(st.tuples(requests, bodies), min_size=2, max_size=8),
    )
    def start(self, sessions: list[Any], submitted: list[Any]) -> None:
        self.open()
        for session in sessions:
            self.join(*session)
        for request, body in submitted:
            self.submit(request, body)

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

    # ------------------------------------------------------------ clients

    @rule(request=requests, body=bodies)
    def submit_another(self, request: dict[str, Any], body: tuple[int, bool]) -> None:
        self.submit(request, body)

    @rule(asked=requests, length=bodies)
    def submit(self, asked: dict[str, Any], length: tuple[int, bool]) -> None:
        model, (size, end) = self.model, length
        body = bytes(range(size))
        request = a_request(**asked, body_length=size if end else -1)
        upload = an_upload(LIMITS, body, end)
        name = f"id{next(self.ids)}"

        def act() -> tuple[Exchange, Effects]:
            return self.core.submit(name, request, upload, None, self.now)

        place = model.place(request)
        ready = bool(model.ready(place))
        if model.draining:
            assert self.refused(GatewayError, act).kind is errors.DRAINING
        elif not ready and model.full(request.size + size):
            assert self.refused(GatewayError, act).kind is errors.QUEUE_FULL
        else:
            exchange, effects = act()
            assert exchange.lane is self.lanes()[place], "not the most specific route"
            wait_until = self.now + LIMITS.queue_timeout
            owed = model.owed[exchange] = Owed(exchange, body, wait_until, wait_until)
            model.lines[place].append(owed)
            self.perform(effects)
            assert (owed.hand_outs == 1) is ready

    @property
    def uploading(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if not owed.exchange.upload.ended]

    @precondition(lambda self: self.uploading)
    @rule(number=picks, size=sizes, end=st.booleans())
    def upload(self, number: int, size: int, end: bool) -> None:
        owed = one(self.uploading, number)
        exchange, start = owed.exchange, len(owed.body)
        whole = bytes((start + i) % 256 for i in range(size))
        piece = whole[: max(0, self.core.room(exchange))]
        if piece:
            self.core.upload(exchange, piece, self.now)
            owed.body += piece
            self.uploaded(owed)
        exchange.upload.ended = end and len(piece) == size

    def uploaded(self, owed: Owed) -> None:
        lease = owed.exchange.lease
        if lease is None:
            assert len(owed.body) <= LIMITS.inline_body
            assert self.core.queue.bytes <= LIMITS.queue_bytes
            return
        assert owed.exchange.upload.buffered <= max(LIMITS.window, LIMITS.rest_body + 1)
        if self.model.hands[lease].state is Work.LEASED:
            owed.deadline = max(owed.deadline, self.now + LIMITS.head_timeout)
        else:
            owed.deadline = self.now + idle(owed)

    @precondition(lambda self: self.model.owed)
    @rule(number=picks)
    def leave(self, number: int) -> None:
        owed = one(list(self.model.owed.values()), number)
        if not owed.unfinished:
            assert self.ignored(lambda: self.core.leave(owed.exchange, self.now)) == []
            return
        effects = self.core.leave(owed.exchange, self.now)
        owed.outcome = Outcome.CLIENT_GONE
        self.model.unline(owed)
        self.end_by_client(owed, effects)

    @precondition(lambda self: self.uploading)
    @rule(number=picks)
    def cut_the_upload(self, number: int) -> None:
        owed, error = one(self.uploading, number), GatewayError(errors.BODY_CUT)
        effects = self.core.fail(owed.exchange, error, CancelReason.REQUEST_CUT, self.now)
        assert effects[0] == (owed.exchange, error)
        self.end_by_client(owed, effects)

    def end_by_client(self, owed: Owed, effects: Effects) -> None:
        """Its worker is told, if it has one."""
        lease = owed.exchange.lease
        told = [lease] if lease and self.model.hands[lease].open else []
        assert [effect.lease for effect in effects if isinstance(effect, Cancel)] == told
        self.perform(effects)

    @property
    def reading(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if owed.begun and not owed.whole]

    @precondition(lambda self: self.reading)
    @rule(number=picks, size=sizes)
    def read(self, number: int, size: int) -> None:
        self.take_response(one(self.reading, number), size)

    def take_response(self, owed: Owed, size: int) -> None:
        """The client's connection takes some of the response body."""
        owed.got += owed.exchange.download.take(size)
        assert owed.sent.startswith(owed.got), "S2: not what its worker has sent"
        self.core.consumed(owed.exchange, self.now)
        owed.deadline = self.now + idle(owed)

    @property
    def served(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if owed.served]

    @precondition(lambda self: self.served)
    @rule(number=picks)
    def complete(self, number: int) -> None:
        self.finish_reading(one(self.served, number))

    def finish_reading(self, owed: Owed) -> None:
        """The client's connection has taken all of it."""
        assert owed.whole or owed.got == owed.sent
        self.core.complete(owed.exchange, self.now)
        owed.outcome = Outcome.WORKER

    # ------------------------------------------------------------ workers

    @rule(worker=workers, slots=slots, routes=routes, kinds=kinds)
    def join(
        self, worker: str, slots: int, routes: tuple[Route, ...], kinds: tuple[Kind, ...]
    ) -> None:
        model = self.model
        session = Session(worker, slots, worker == "stream", None, routes, kinds=kinds)

        def act() -> Effects:
            return self.core.join(session, self.now)

        new = [place for place in places(session) if place not in model.lines]
        known = Counter(kind for kind, _ in model.lines)
        if len(model.sessions) >= LIMITS.max_sessions:
            self.refused(TooManySessions, act)
        elif len(routes) > LIMITS.session_routes:
            self.refused(BadRoute, act)
        elif any(known[kind] + len(new) > LIMITS.max_routes for kind, _ in new):
            self.refused(BadRoute, act)
        else:
            model.sessions[session] = []
            if worker == "poll":
                model.polls.add(session)
            self.perform(act())

    @property
    def sessions(self) -> list[Session]:
        return list(self.model.sessions)

    @precondition(lambda self: self.sessions)
    @rule(number=picks, slots=slots)
    def resize(self, number: int, slots: int) -> None:
        session = one(self.sessions, number)
        self.perform(self.core.resize(session, slots, self.now))

    @precondition(lambda self: self.sessions)
    @rule(number=picks)
    def drain(self, number: int) -> None:
        session = one(self.sessions, number)
        self.core.drain(session, self.now)
        self.model.drained.add(session)
        if not session.acknowledges:
            self.model.end_if_empty(session, self.now)

    @precondition(lambda self: self.sessions)
    @rule(number=picks)
    def lose(self, number: int) -> None:
        model, session = self.model, one(self.sessions, number)
        effects = self.core.lose(session, self.now)
        lost = model.sessions[session].copy()
        model.drained.add(session)
        for hand in lost:
            model.close(hand, Verdict.STALE, self.now)
        if session in model.sessions:
            model.end(session, self.now)
        failed = [hand.owed.exchange for hand in lost if hand.owed.unfinished]
        assert [effect.exchange for effect in effects if isinstance(effect, Fail)] == failed
        self.perform(effects)
        assert self.ignored(lambda: self.core.lose(session, self.now)) == []

    @property
    def spoken_of(self) -> list[Hand]:
        """What workers hold, and the last that they let go of (S4)."""
        closed = [hand for hand in self.model.hands.values() if hand.state is Work.CLOSED]
        return self.model.held + closed[-1:]

    @precondition(lambda self: self.model.held)
    @rule(
        number=picks,
        size=sizes,
        kind=st.sampled_from(["whole", "stream", "stream", "bodiless"]),
        spare=st.sampled_from([None, 0, 1, 40]),
    )
    def head(self, number: int, size: int, kind: str, spare: int | None) -> None:
        body = bytes(range(0 if kind == "bodiless" else size))
        self.send_head(one(self.spoken_of, number), body, kind, spare)

    def send_head(self, hand: Hand, body: bytes, kind: str, spare: int | None) -> None:
        """`spare`: by how much the declared length exceeds the body that comes with the head."""
        length = -1 if spare is None else len(body) + spare
        head, end = a_head(body, kind != "stream", length), kind == "whole"

        def act() -> Effects:
            return self.core.head(hand.lease, head, end, self.now)

        if len(body) > LIMITS.window and (hand.lease.session.acknowledges or not end):
            self.refused(WindowExceeded, act)
        elif hand.state in (Work.ANSWERING, Work.CLOSED):
            self.refused(LeaseError, act)
        elif hand.state is Work.CANCELLED and not end:
            assert self.ignored(act) == []
        elif hand.state is Work.CANCELLED:
            self.let_go(hand, Verdict.GONE, act)
        else:
            owed = hand.owed
            owed.begun, owed.whole, owed.sent = True, head.end, body
            owed.deadline = self.now + idle(owed)
            hand.state, hand.received = Work.ANSWERING, len(body)
            hand.expected = -1 if head.end else length
            if end:
                self.let_go(hand, Verdict.ANSWERED, act)
            else:
                assert act() == []

    def let_go(self, hand: Hand, verdict: Verdict, act: Callable[[], Effects]) -> Effects:
        """The worker's last word on this hand-out."""
        effects = act()
        self.model.close(hand, verdict, self.now)
        self.perform(effects)
        return effects

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def serve(self, number: int) -> None:
        """The usual case: a whole answer, and a client that takes it."""
        hand = one(self.model.held, number)
        self.send_head(hand, b"ok", "whole", None)
        if hand.owed.unfinished and hand.owed.served:
            self.finish_reading(hand.owed)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=st.sampled_from([1, 20, 31]), end=st.booleans())
    def relay(self, number: int, size: int, end: bool) -> None:
        """The usual case of a stream: a piece, and a client that takes it."""
        hand = one(self.model.held, number)
        if hand.state is Work.LEASED:
            self.send_head(hand, b"", "stream", None)
        self.send(hand, size)
        if hand.owed in self.reading:
            self.take_response(hand.owed, size)
        if end and hand.state is Work.ANSWERING:
            self.send_finish(hand)
            if hand.owed in self.served:
                self.finish_reading(hand.owed)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=sizes)
    def data(self, number: int, size: int) -> None:
        self.send(one(self.spoken_of, number), size)

    def send(self, hand: Hand, size: int) -> None:
        """A piece of response body."""
        owed, download = hand.owed, hand.owed.exchange.download
        piece = bytes((len(owed.sent) + i) % 256 for i in range(size))

        def act() -> Effects:
            return self.core.data(hand.lease, piece, self.now)

        if hand.state is Work.CANCELLED:
            assert self.ignored(act) == []
        elif hand.state is not Work.ANSWERING:
            self.refused(LeaseError, act)
        elif 0 <= hand.expected < hand.received + size:
            effects = act()
            assert owed.exchange.error is errors.BAD_RESPONSE
            self.end_by_client(owed, effects)
        elif download.pushed + size > download.granted:
            self.refused(WindowExceeded, act)
        else:
            assert act() == []
            owed.sent += piece
            hand.received += size
            owed.deadline = self.now + idle(owed)
            if not owed.unfinished:  # the answer had no body: what comes is dropped
                download.take_all()
                download.regrant(download.taken)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def finish(self, number: int) -> None:
        self.send_finish(one(self.spoken_of, number))

    def send_finish(self, hand: Hand) -> None:
        """The end of the response body."""

        def act() -> Effects:
            return self.core.finish(hand.lease, self.now)

        if hand.state is Work.CANCELLED:
            self.let_go(hand, Verdict.GONE, act)
        elif hand.state is Work.ANSWERING:
            self.let_go(hand, Verdict.ANSWERED, act)
            cut = hand.expected not in (-1, hand.received)
            assert cut is (hand.owed.exchange.error is errors.BAD_RESPONSE)
        else:
            self.refused(LeaseError, act)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, code=st.sampled_from(AbortCode))
    def abort(self, number: int, code: AbortCode) -> None:
        self.send_abort(one(self.spoken_of, number), code)

    @precondition(lambda self: self.model.held)
    @rule(number=picks, size=sizes)
    def refuse(self, number: int, size: int) -> None:
        """Given back, perhaps after some of the body was taken."""
        hand = one(self.model.held, number)
        if hand in self.taking:
            self.take_body(hand, size)
        self.send_abort(hand, AbortCode.REFUSED)

    def send_abort(self, hand: Hand, code: AbortCode) -> None:
        """The worker's last word, without a response."""

        def act() -> Effects:
            return self.core.abort(hand.lease, code, "", self.now)

        if hand.state is Work.CLOSED:
            self.refused(LeaseError, act)
        elif hand.state is Work.CANCELLED:
            self.let_go(hand, Verdict.GONE, act)
        elif hand.state is Work.LEASED and code in UNSTARTED:
            self.give_back(hand, Verdict.STALE, act)
        else:
            self.let_go(hand, Verdict.ANSWERED, act)
            assert not hand.owed.unfinished

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def put_back(self, number: int) -> None:
        hand = one(self.spoken_of, number)

        def act() -> Effects:
            return self.core.put_back(hand.lease, self.now)

        if hand.state is Work.LEASED:
            hand.owed.never_left += 1
            self.give_back(hand, Verdict.UNKNOWN, act)
        else:
            self.refused(LeaseError, act)

    def give_back(self, hand: Hand, verdict: Verdict, act: Callable[[], Effects]) -> None:
        """To the front of the line it belongs to by now, if it may be handed out again."""
        owed = hand.owed
        owed.returned += 1
        owed.wait_until += self.now - hand.leased_at
        owed.deadline = owed.wait_until
        spent = owed.hand_outs - owed.never_left >= LIMITS.max_attempts
        again = not spent and len(hand.taken) <= LIMITS.inline_body
        if again:
            self.model.lines[self.model.place(owed.exchange.request)].insert(0, owed)
        self.let_go(hand, verdict, act)
        assert again is (owed.exchange.error is not errors.REFUSED)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def spoil(self, number: int) -> None:
        hand = one(self.spoken_of, number)
        if hand.owed.unfinished:
            self.end_by_client(hand.owed, self.core.spoil(hand.lease, "", self.now))
            assert hand.owed.exchange.error is errors.BAD_RESPONSE
        else:
            assert self.ignored(lambda: self.core.spoil(hand.lease, "", self.now)) == []

    @precondition(lambda self: self.model.held)
    @rule(number=picks, seconds=st.sampled_from([0.001, 1.0, 1.5, 3.0, 1e9]))
    def extend(self, number: int, seconds: float) -> None:
        hand = one(self.spoken_of, number)
        if hand.state is Work.LEASED:
            latest = hand.leased_at + LIMITS.lease_max
            hand.owed.deadline = max(hand.owed.deadline, min(self.now + seconds, latest))
            left = self.core.extend(hand.lease, seconds, self.now)
            assert left == hand.owed.deadline - self.now
        else:
            self.ignored(lambda: self.core.extend(hand.lease, seconds, self.now))

    @property
    def taking(self) -> list[Hand]:
        hands = [hand for hand in self.model.held if hand.open]
        return [hand for hand in hands if hand.owed.exchange.upload is not NO_BODY]

    @precondition(lambda self: self.taking)
    @rule(number=picks, size=sizes)
    def take(self, number: int, size: int) -> None:
        self.take_body(one(self.taking, number), size)

    def take_body(self, hand: Hand, size: int) -> None:
        """The worker takes some of the request body."""
        upload = hand.owed.exchange.upload
        upload.allow(len(hand.taken) + size)
        hand.taken += upload.take(size)
        assert hand.owed.body.startswith(hand.taken), "S6: not what its client has sent"
        upload.regrant(upload.taken)

    @precondition(lambda self: self.model.held)
    @rule(number=picks)
    def collect(self, number: int) -> None:
        hand = one(self.model.held, number)
        if hand.in_ledger:
            self.core.collect(hand.owed.exchange)

    @precondition(lambda self: self.model.names)
    @rule(number=picks)
    def look_up_a_name(self, number: int) -> None:
        model, find = self.model, self.core.ledger.find
        name = one([*self.old_names[-2:], "id0.9", *reversed(model.names)], number)
        hand = model.names.get(name)
        if hand and hand.in_ledger:
            assert self.ignored(lambda: find(name)) is hand.lease
        else:
            verdict = self.refused(NotHeld, lambda: find(name)).verdict
            assert verdict in (model.verdicts(hand) if hand else {Verdict.UNKNOWN})

    # ------------------------------------------------------------ time

    @rule(
        seconds=st.sampled_from(TIMES),
        how=st.sampled_from(["timer", "timer", "late timer", "next deadline"]),
        offset=st.sampled_from([-0.001, 0.0, 0.001]),
    )
    def pass_time(self, seconds: float, how: str, offset: float) -> None:
        if how == "next deadline":
            self.now = max(self.now, (self.core.next_deadline() or 0.0) + offset)
        else:
            self.now += seconds
        if how == "late timer":
            self.timer_is_late = True
        else:
            self.expire()

    def expire(self) -> None:
        effects, model = self.core.expire(self.now), self.model
        for effect in effects:
            if not isinstance(effect, Deliver):
                exchange = effect.exchange if isinstance(effect, Fail) else effect.lease.exchange
                assert self.now >= model.owed[exchange].deadline - EPSILON, "ended too early"
        self.perform(effects)
        self.timer_is_late = False
        open_ = [*model.unfinished, *(hand.owed for hand in model.held if hand.open)]
        late = [owed for owed in open_ if owed.deadline <= self.now - TICK - EPSILON]
        assert not late, "promise 1: not ended by its deadline"

    # ------------------------------------------------------------ the end

    @precondition(lambda self: len(self.model.owed) > 9)
    @rule()
    def begin_drain(self) -> None:
        self.core.begin_drain()
        self.model.draining = True

    @precondition(lambda self: len(self.model.owed) > 7)
    @rule()
    def restart(self) -> None:
        """The gateway is shut down, and another takes its place."""
        effects = self.core.shut_down(self.now)
        assert not any(isinstance(effect, Deliver) for effect in effects)
        self.perform(effects)
        self.model.draining = True
        self.wind_up()
        self.old_names += self.model.names
        self.open()

    def teardown(self) -> None:
        """Every client gets its outcome, and nothing is left behind."""
        if sys.exception() is None:  # what failed before says more
            for _ in range(20):
                self.now += LIMITS.lease_max
                self.expire()
            self.wind_up()

    def wind_up(self) -> None:
        core, model = self.core, self.model
        assert not model.unfinished, "promise 1: a client is still waiting"
        assert all(hand.open is False or hand.owed.whole for hand in model.held)
        while model.sessions:
            self.lose(0)
        self.check()
        assert (model.held, core.exchanges, core.queue.sessions) == ([], {}, {})
        assert len(core.ledger) == 0
        assert core.queue.requests == core.queue.bytes == 0
        self.now += LIMITS.route_linger + 1
        assert core.expire(self.now) == []
        assert self.lanes().keys() == DEFAULTS
        assert core.next_deadline() is None

    # ------------------------------------------------------------ what always holds

    @invariant()
    def check(self) -> None:
        self.conservation()
        self.lines()
        self.bounds()
        self.slots()
        self.deadlines()

    def conservation(self) -> None:
        """S12, both laws."""
        core, model = self.core, self.model
        done, counters = core.counters.done, core.counters
        outcomes = [owed.outcome for owed in model.owed.values()]
        assert counters.accepted == len(outcomes) == sum(done.values()) + len(core.exchanges)
        assert done == {outcome: outcomes.count(outcome) for outcome in Outcome}
        assert set(core.exchanges.values()) == {owed.exchange for owed in model.unfinished}
        open_ = sum(hand.open for hand in model.held)
        closed = counters.answered + counters.returned + counters.failed + counters.cancelled
        assert counters.leased == len(model.hands) == closed + open_
        assert counters.returned == sum(owed.returned for owed in model.owed.values())

    def lines(self) -> None:
        """Promise 4: what waits and who is ready, line by line."""
        lanes = self.lanes()
        assert lanes.keys() == self.model.lines.keys()
        for place, lane in lanes.items():
            assert list(lane.waiting) == [owed.exchange for owed in self.model.lines[place]]
            assert set(lane.ready) == self.model.ready(place)
            assert not (lane.waiting and lane.ready), "work and a free worker, unmatched"
            assert all(exchange.lane is lane for exchange in lane.waiting)

    def bounds(self) -> None:
        """S9: the queue counts exactly, and only what was handed out before exceeds its bounds."""
        queue, waiting = self.core.queue, self.model.waiting
        assert (queue.requests, queue.bytes) == (len(waiting), sum(map(bytes_of, waiting)))
        new = [owed for owed in waiting if not owed.hand_outs]
        assert len(new) <= LIMITS.queue_requests
        assert sum(map(bytes_of, new)) <= LIMITS.queue_bytes
        downloads = [owed.exchange.download for owed in self.model.unfinished]
        assert all(download.buffered <= LIMITS.window for download in downloads)
        body = NO_BODY
        assert (body.granted, body.pushed, body.taken, body.ended) == (0, 0, 0, True)

    def slots(self) -> None:
        """Promise 3, and a ledger that does not leak."""
        core, model = self.core, self.model
        assert core.queue.sessions.keys() == model.sessions.keys()
        for session, hands in model.sessions.items():
            assert list(session.held.values()) == [hand.lease for hand in hands]
        assert [hand.lease.state for hand in model.held] == [hand.state for hand in model.held]
        assert len(core.ledger) == sum(hand.in_ledger for hand in model.held)

    def deadlines(self) -> None:
        """Whatever is open has a deadline, and the timer is asked for in time."""
        unfinished = self.model.unfinished
        assert all(owed.exchange.slice != NEVER for owed in unfinished)
        if unfinished:
            next_ = self.core.next_deadline()
            assert next_ is not None
            assert next_ <= min(owed.deadline for owed in unfinished) + TICK + EPSILON


TestPromises = Gateway.TestCase
TestPromises.settings = settings(
    max_examples=20_000 if NIGHTLY else 400,
    stateful_step_count=200 if NIGHTLY else 60,
    deadline=None,
    derandomize=not NIGHTLY,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
