"""Random lives of gateways that lend each other slots: whatever arrives late, or never, no worker
has more than its slots, no request meets a slot that was not there, and nobody waits for ever.
"""

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
from tests.core.lending.mesh import Gateway, Mesh

picks = st.integers(0, 11)
seconds = st.sampled_from([0.001, 0.005, 0.006, 0.02, 0.1, 0.5, 1.1])


class Gateways(RuleBasedStateMachine):
    """Two or three gateways, their links, workers and clients."""

    hand_out: type[HandOut] = HandOut
    lending: type[Lending] = Lending

    @initialize(gateways=st.sampled_from([2, 2, 3]))
    def begin(self, gateways: int) -> None:
        self.mesh = Mesh(gateways, self.hand_out, self.lending)

    def gateway(self, number: int) -> Gateway:
        return self.mesh.gateways[number % len(self.mesh.gateways)]

    # ------------------------------------------------------------ clients

    @rule(
        where=picks, method=st.sampled_from([b"GET", b"POST"]), priority=st.sampled_from([3, 3, 1])
    )
    def submit(self, where: int, method: bytes, priority: int) -> None:
        gateway = self.gateway(where)
        try:
            self.mesh.submit(gateway, method, priority)
        except GatewayError:
            assert gateway.core.draining

    @property
    def waiting(self) -> list[tuple[Gateway, Exchange]]:
        return [
            (gateway, one)
            for gateway in self.mesh.gateways
            for one in gateway.core.exchanges.values()
            if one.loan is None
        ]

    @precondition(lambda self: self.waiting)
    @rule(which=picks)
    def leave(self, which: int) -> None:
        gateway, exchange = self.waiting[which % len(self.waiting)]
        del gateway.owed[exchange.id]
        gateway.perform(gateway.core.leave(exchange, gateway.now()))

    # ------------------------------------------------------------ workers

    @rule(where=picks, slots=st.integers(1, 3), tier=st.sampled_from([0, 0, 1]))
    def join(self, where: int, slots: int, tier: int) -> None:
        self.mesh.join(self.gateway(where), slots, tier=tier)

    @rule(where=picks)
    def poll(self, where: int) -> None:
        self.mesh.join(self.gateway(where), 1, acknowledges=False)

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

        def act() -> None:
            if how == "drain":
                gateway.perform(core.drain(session, now))
            elif how == "lose":
                gateway.perform(core.lose(session, now))
            elif how == "resize" and session.profile.acknowledges:
                gateway.perform(core.resize(session, slots, now))
            elif how == "pause":
                gateway.perform(core.pause(session.profile.worker, not session.paused, now))

        if how == "pause":
            for one in gateway.sessions:
                if one is not session:
                    act, inner = (
                        (lambda one=one, inner=act: self.mesh.loses_slots(gateway, one, inner)),
                        act,
                    )
        self.mesh.loses_slots(gateway, session, act)

    @property
    def leases(self) -> list[tuple[Gateway, Lease]]:
        return [(gateway, one) for gateway in self.mesh.gateways for one in gateway.leases]

    @precondition(lambda self: self.leases)
    @rule(
        which=picks, how=st.sampled_from(["answer", "answer", "answer", "refuse", "abort", "lose"])
    )
    def end(self, which: int, how: str) -> None:
        gateway, lease = self.leases[which % len(self.leases)]
        if how == "answer":
            gateway.answer(lease)
        elif how == "lose":
            gateway.perform(gateway.core.lost(lease, gateway.now()))
        else:
            if how == "refuse" and not lease.cancelled:
                self.mesh.give_back(gateway, lease)
            code = AbortCode.REFUSED if how == "refuse" else AbortCode.HANDLER_ERROR
            gateway.perform(gateway.core.abort(lease, code, "", gateway.now()))

    # ------------------------------------------------------------ links and time

    @property
    def talking(self) -> list[End]:
        return [end for end, way in self.mesh.ways.items() if way]

    @precondition(lambda self: self.talking)
    @rule(which=picks)
    def deliver(self, which: int) -> None:
        self.mesh.deliver(self.talking[which % len(self.talking)])

    @precondition(lambda self: self.talking)
    @rule(which=picks)
    def deliver_more(self, which: int) -> None:
        end = self.talking[which % len(self.talking)]
        while self.mesh.ways[end]:
            self.mesh.deliver(end)

    @rule(which=picks, again=st.booleans())
    def cut(self, which: int, again: bool) -> None:
        pair = self.mesh.pairs[which % len(self.mesh.pairs)]
        if pair in self.mesh.links:
            self.mesh.cut(pair)
            if again:
                self.mesh.mend(pair)
        else:
            self.mesh.mend(pair)

    @rule(step=seconds)
    def pass_time(self, step: float) -> None:
        self.mesh.pass_time(step)

    @rule()
    def quiet(self) -> None:
        self.mesh.quiet()
        self.mesh.check_quiet()

    @rule(where=picks, really=st.sampled_from([False, False, False, True]))
    def drain_gateway(self, where: int, really: bool) -> None:
        gateway = self.gateway(where)
        if really and not gateway.core.draining:
            gateway.core.begin_drain()
            gateway.perform(gateway.lending.drain())

    # ------------------------------------------------------------ what holds

    @invariant()
    def check(self) -> None:
        if hasattr(self, "mesh"):
            self.mesh.check()

    def teardown(self) -> None:
        """Workers answer what they have, until nothing is left; then everything has been given back."""
        if not hasattr(self, "mesh"):
            return
        mesh = self.mesh
        mesh.quiet()
        for _ in range(100):
            for gateway, lease in self.leases:
                gateway.answer(lease)
            mesh.quiet(0.04)
            if not self.leases:
                break
        mesh.check()
        mesh.check_quiet()
        mesh.quiet(1.2)
        for gateway in mesh.gateways:
            assert not any(loan.lent for loan in gateway.steps.lender.loans()), (
                "a loan is never given back"
            )
            assert not any(guest.held for guest in gateway.guests), "a slot that nobody lets go"
            assert not gateway.steps.hosted.accepted - sum(gateway.steps.hosted.done.values())


TestGateways = Gateways.TestCase
TestGateways.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
