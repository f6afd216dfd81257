"""Random lives of gateways that lend each other slots: whatever arrives late, or never, no worker
has more than its slots, no request meets a slot that was not there, and nobody waits for ever.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bench.lending.link import End
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.lending.lending import Lending
from tests.core.lending import mesh
from tests.core.lending.mesh import Gateway, Mesh
from tests.core.test_promises import NIGHTLY

pytestmark = pytest.mark.timeout(0 if NIGHTLY else 60)

LIMITS = replace(mesh.LIMITS, last_slot_of=3, lately=4)
picks = st.integers(0, 11)
methods = st.sampled_from([b"GET", b"POST"])


class Calm(RuleBasedStateMachine):
    """Two or three gateways whose workers and links stay."""

    hand_out: type[HandOut] = HandOut
    lending: type[Lending] = Lending

    @initialize(slots=st.lists(st.sampled_from([0, 1, 1, 2, 3]), min_size=2, max_size=3))
    def begin(self, slots: list[int]) -> None:
        self.mesh = Mesh(len(slots), self.hand_out, self.lending, LIMITS)
        for gateway, number in zip(self.mesh.gateways, slots, strict=True):
            if number:
                self.mesh.join(gateway, number)
        self.mesh.deliver_all()

    def gateway(self, number: int) -> Gateway:
        return self.mesh.gateways[number % len(self.mesh.gateways)]

    # ------------------------------------------------------------ clients

    @rule(
        where=picks,
        count=st.integers(1, 4),
        method=methods,
        priority=st.sampled_from([3, 3, 3, 1]),
        client=st.sampled_from(["", "", "a", "a", "b"]),
    )
    def submit(self, where: int, count: int, method: bytes, priority: int, client: str) -> None:
        gateway = self.gateway(where)
        with nullcontext() if not gateway.core.draining else pytest.raises(GatewayError):
            for _ in range(count):
                self.mesh.submit(gateway, method, priority=priority, counts_for=client)

    @property
    def unfinished(self) -> list[tuple[Gateway, Exchange]]:
        return [
            (gateway, one)
            for gateway in self.mesh.gateways
            for one in gateway.core.exchanges.values()
            if one.loan is None
        ]

    @precondition(lambda self: self.unfinished)
    @rule(which=picks)
    def leave(self, which: int) -> None:
        gateway, exchange = self.unfinished[which % len(self.unfinished)]
        del gateway.owed[exchange.id]
        gateway.perform(gateway.core.leave(exchange, gateway.now()))

    # ------------------------------------------------------------ workers

    @property
    def leases(self) -> list[tuple[Gateway, Lease]]:
        return [(gateway, one) for gateway in self.mesh.gateways for one in gateway.leases]

    @precondition(lambda self: self.leases)
    @rule(which=picks)
    def answer(self, which: int) -> None:
        gateway, lease = self.leases[which % len(self.leases)]
        gateway.answer(lease)

    @precondition(lambda self: self.leases)
    @rule(which=picks, how=st.sampled_from(["refuse", "abort", "lose"]))
    def fail(self, which: int, how: str) -> None:
        gateway, lease = self.leases[which % len(self.leases)]
        now = gateway.now()
        if how == "lose":
            gateway.perform(gateway.core.lost(lease, now))
            return
        if how == "refuse" and not lease.cancelled:
            self.mesh.started[lease.assignment.request.target] -= 1
        code = AbortCode.REFUSED if how == "refuse" else AbortCode.HANDLER_ERROR
        gateway.perform(gateway.core.abort(lease, code, "", now))

    # ------------------------------------------------------------ time

    @property
    def talking(self) -> list[End]:
        return [end for end, way in self.mesh.ways.items() if way]

    @precondition(lambda self: self.talking)
    @rule(which=picks)
    def deliver(self, which: int) -> None:
        self.mesh.deliver(self.talking[which % len(self.talking)])

    @precondition(lambda self: self.talking)
    @rule()
    def deliver_all(self) -> None:
        self.mesh.deliver_all()

    @rule(step=st.sampled_from([0.001, 0.006, 0.02, 0.1, 0.5, 1.1]))
    def pass_time(self, step: float) -> None:
        self.mesh.pass_time(step)

    @rule()
    def quiet(self) -> None:
        self.mesh.quiet()
        self.mesh.check_quiet()

    # ------------------------------------------------------------ what holds

    @invariant()
    def check(self) -> None:
        self.mesh.check()

    def teardown(self) -> None:
        """Workers answer all that they have; then everything has been given back."""
        mesh = self.mesh
        mesh.quiet()
        while leases := self.leases:
            for gateway, lease in leases:
                gateway.answer(lease)
            mesh.quiet()  # who still waits has asked again, and has what is free
        mesh.check()
        mesh.check_quiet()
        mesh.quiet(1.2)
        for gateway in mesh.gateways:
            assert not any(loan.lent for loan in gateway.steps.lender.loans()), (
                "a loan is never given back"
            )
            assert not any(guest.held for guest in gateway.guests), "a slot that nobody lets go"
            assert not gateway.steps.hosted.accepted - sum(gateway.steps.hosted.done.values())


class Gateways(Calm):
    """Workers that come and go, links that break, and a gateway that stops."""

    @rule(where=picks, slots=st.integers(1, 3), tier=st.sampled_from([0, 0, 1]), poll=st.booleans())
    def join(self, where: int, slots: int, tier: int, poll: bool) -> None:
        slots, tier = (1, 0) if poll else (slots, tier)
        self.mesh.join(self.gateway(where), slots, acknowledges=not poll, tier=tier)

    @property
    def sessions(self) -> list[tuple[Gateway, Session]]:
        return [(gateway, one) for gateway in self.mesh.gateways for one in gateway.sessions]

    @precondition(lambda self: self.sessions)
    @rule(
        which=picks,
        how=st.sampled_from(["drain", "lose", "resize", "pause"]),
        slots=st.integers(0, 3),
    )
    def change(self, which: int, how: str, slots: int) -> None:
        gateway, session = self.sessions[which % len(self.sessions)]
        core, now = gateway.core, gateway.now()
        with self.mesh.slots_vanish(gateway):
            if how == "drain":
                gateway.perform(core.drain(session, now))
            elif how == "lose":
                gateway.perform(core.lose(session, now))
            elif how == "pause":
                gateway.perform(core.pause(session.profile.worker, not session.paused, now))
            elif session.profile.acknowledges:
                gateway.perform(core.resize(session, slots, now))

    @rule(which=picks, again=st.booleans())
    def cut(self, which: int, again: bool) -> None:
        pair = self.mesh.pairs[which % len(self.mesh.pairs)]
        if pair in self.mesh.links:
            self.mesh.cut(pair)
            if again:
                self.mesh.mend(pair)
        else:
            self.mesh.mend(pair)

    @precondition(lambda self: not self.gateway(0).core.draining)
    @rule(really=picks)
    def drain_gateway(self, really: int) -> None:
        gateway = self.gateway(0)
        if not really:
            gateway.core.begin_drain()
            gateway.perform(gateway.lending.drain(gateway.now()))


TestCalm = Calm.TestCase
TestGateways = Gateways.TestCase
TestCalm.settings = TestGateways.settings = settings(
    max_examples=20_000 if NIGHTLY else 60,
    stateful_step_count=50,
    deadline=None,
    derandomize=not NIGHTLY,
)
