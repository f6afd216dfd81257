"""The promises, checked after every step of random lives of a dispatcher.

Clients, workers and the clock do whatever they can do, in any order; what the dispatcher makes of
it must be what the model beside it allows. `PRACK_HYPOTHESIS=nightly` runs many and long lives.
"""

import math
import os
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from prack_grpc.core import errors
from prack_grpc.core.effects import Cancel, Deliver, Fail, Grant
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.queue.order import NEVER
from prack_grpc.core.queue.traffic import Split
from tests.core.building import next_deadline
from tests.core.life import (
    EPSILON,
    LIMITS,
    TICK,
    abouts,
    bodies,
    kinds,
    requests,
    routes,
    slots,
    splits,
    workers,
)
from tests.core.lines import DEFAULTS, LINGER_TICK, bytes_of, in_order
from tests.core.operators import Operators
from tests.core.owed import Owed

NIGHTLY = os.environ.get("PRACK_HYPOTHESIS") == "nightly"
pytestmark = pytest.mark.timeout(0 if NIGHTLY else 120)

TIMES = [0.0, 0.01, TICK, 0.1, 0.1, 0.5, 0.5, 0.9, 0.95, 1.0, 1.05, 1.45, 1.5, 3.0, 6.0]


class Gateway(Operators):
    """A dispatcher, its model, and everything that can happen to it."""

    @initialize(
        split=splits,
        sessions=st.lists(st.tuples(workers, slots, routes, kinds, abouts), min_size=2, max_size=4),
        submitted=st.lists(st.tuples(requests, bodies), min_size=2, max_size=8),
    )
    def start(self, split: Split | None, sessions: list[Any], submitted: list[Any]) -> None:
        self.open()
        self.divide(split)
        for session in sessions:
            self.join(*session)
        for request, body in submitted:
            self.submit(request, body)

    # ------------------------------------------------------------ time

    @rule(
        seconds=st.sampled_from(TIMES),
        how=st.sampled_from(["timer", "timer", "late timer", "next deadline"]),
        offset=st.sampled_from([-0.001, 0.0, 0.001]),
    )
    def pass_time(self, seconds: float, how: str, offset: float) -> None:
        if how == "next deadline":
            soonest = next_deadline(self.steps)
            self.now = max(self.now, soonest + offset if soonest < math.inf else 0.0)
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
                assert isinstance(effect, Fail | Cancel | Grant)
                exchange = effect.exchange if isinstance(effect, Fail) else effect.lease.exchange
                over = self.now >= model.owed[exchange].deadline - EPSILON
                slow = exchange.error is errors.SLOW_READER or isinstance(effect, Grant)
                assert over or slow, "ended too early"
        self.follow()
        self.lost_now = self.expired_leases()
        self.perform(effects)
        self.lost_now = []
        self.timer_is_late = False
        assert not model.overdue(self.now), "a line without workers was kept"
        open_ = [*model.unfinished, *(hand.owed for hand in model.held if hand.open)]
        late = [owed for owed in open_ if owed.deadline <= self.now - TICK - EPSILON]
        assert not late, "promise 1: not ended by its deadline"

    def expired_leases(self) -> list[Owed]:
        """Workers that promised to answer sooner than they must, and did not: they are lost."""
        model, head_timeout = self.model, LIMITS.head_timeout
        late = [hand for hand in model.held if self.now < hand.leased_at + head_timeout]
        late = [
            hand for hand in late if hand.state is Work.LEASED and hand.lease.session.profile.lease
        ]
        lost = [hand for hand in late if hand.lease.state is Work.CLOSED]
        assert all(self.now >= hand.owed.deadline - EPSILON for hand in lost), "lost too early"
        return [hand.owed for hand in lost if model.take_away(hand, self.now)]

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
        assert core.queue.requests == core.queue.bytes == core.queue.ahead.bytes == 0
        assert core.collected == 0
        self.now += LIMITS.route_linger + LINGER_TICK
        assert core.expire(self.now) == [], "L2: something is still open"
        assert self.lanes().keys() == DEFAULTS
        assert next_deadline(self.steps) == math.inf

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
            line = in_order(self.model.lines[place])
            in_line = [owed.exchange for owed in line if not owed.coming]
            coming = [owed.exchange for owed in line if owed.coming]
            assert list(lane.waiting) == in_line, "S3: others are in line than should be"
            assert list(lane.uploads) == coming, "S3: others are in line than should be"
            assert set(lane.ready) == self.model.ready(place)
            assert set(lane.open) == self.model.open(place)
            assert not self.model.next_of(place, self.now), "work and a free worker, unmatched"
            assert all(exchange.lane is lane for exchange in in_line + coming)
            in_work = self.model.in_work(place)
            assert lane.busy == len(in_work)
            assert dict(lane.held) == Counter(filter(None, in_work))

    def bounds(self) -> None:
        """S9: the queue counts exactly, and only what was handed out before exceeds its bounds."""
        queue, waiting = self.core.queue, self.model.waiting
        assert (queue.requests, queue.bytes) == (len(waiting), sum(map(bytes_of, waiting)))
        assert queue.ahead.bytes <= queue.bytes
        for place, lane in self.lanes().items():
            lines = self.model.lines.items()
            here = [owed for other, line in lines for owed in line if other[:2] == place[:2]]
            if lane is lane.base:
                assert (lane.requests, lane.bytes) == (len(here), sum(map(bytes_of, here)))
        new = [owed for owed in waiting if not owed.hand_outs]
        assert len(new) <= LIMITS.queue_requests
        assert sum(map(bytes_of, new)) <= LIMITS.queue_bytes
        collected = sum(owed.exchange.collected for owed in self.model.unfinished)
        assert self.core.collected == collected <= LIMITS.queue_bytes
        downloads = [owed.exchange.download for owed in self.model.unfinished]
        beyond = sum(max(0, download.buffered - LIMITS.window) for download in downloads)
        lent = sum(owed.exchange.lent for owed in self.model.unfinished)
        assert beyond <= lent == self.steps.relief.lent <= LIMITS.response_buffer
        for exchange in self.steps.relief.standing:
            assert exchange.lease, "what has no slot does not stand in anybody's way"
        body = NO_BODY
        assert (body.granted, body.pushed, body.taken, body.ended) == (0, 0, 0, True)

    def slots(self) -> None:
        """Promise 3, and a ledger that does not leak."""
        core, model = self.core, self.model
        assert core.queue.sessions.keys() == model.sessions.keys()
        for session, hands in model.sessions.items():
            assert list(session.held.values()) == [hand.lease for hand in hands]
        assert [hand.lease.state for hand in model.held] == [hand.state for hand in model.held]
        open_ = sum(hand.in_ledger for hand in model.held)
        assert len(core.ledger) == open_, "S4: not what can still be answered"

    def deadlines(self) -> None:
        """Whatever is open has a deadline, and the timer is asked for in time."""
        unfinished = self.model.unfinished
        timed = all(owed.exchange.slice != NEVER for owed in unfinished)
        assert timed, "promise 1: a client without a deadline"
        if unfinished:
            assert (
                next_deadline(self.steps)
                <= min(owed.deadline for owed in unfinished) + TICK + EPSILON
            )


TestPromises = Gateway.TestCase
TestPromises.settings = settings(
    max_examples=20_000 if NIGHTLY else 250,
    stateful_step_count=200 if NIGHTLY else 50,
    deadline=None,
    derandomize=not NIGHTLY,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
