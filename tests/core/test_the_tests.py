"""The test of the tests: something that keeps a promise is switched off, and a few of the random
lives of `test_promises.py` notice it. With nothing switched off, that test finds nothing.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from prack_grpc.core.effects import Deliver, Effects
from prack_grpc.core.errors import Late
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Ledger, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.choice import Choice
from prack_grpc.core.queue.queue import Queue
from tests.core.test_promises import Gateway

LIVES = settings(
    max_examples=250,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


class NoFence(Ledger):
    """Every hand-out stays open."""

    def close(self, lease: Lease, verdict: Late) -> None:
        pass


class WithoutFencing(HandOut):
    """A late answer is taken for one in time."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.ledger = NoFence(limits.remembered_leases)


class WithoutTimer(HandOut):
    """Nobody looks whether a worker answers in time."""

    def lease(self, session: Session, exchange: Exchange, now: float) -> Deliver:
        deliver = super().lease(session, exchange, now)
        self.deadlines.clear(exchange)
        return deliver


class Boundless(Queue):
    """There is always room for one more."""

    def full(self, lane: ExchangeLane, size: int) -> bool:
        return False


class Generous(Queue):
    """Slow clients may have every slot."""

    def taker(self, lane: ExchangeLane, coming: bool) -> Session | None:
        return super().taker(lane, False)


class WithoutShare(HandOut):
    """A body that is still on its way is as good as one that is here."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.queue = Generous(limits, now)


class WithoutTurns(HandOut):
    """Nobody is passed over for what it holds."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.queue.choice = Choice(replace(limits, client_share=1.0))


class WithoutLeaving(HandOut):
    """Who has its share takes the last slot, too."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.queue.choice = Choice(replace(limits, lately=0))


class WithoutLimit(HandOut):
    """The queue is never full."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.queue = Boundless(limits, now)


class WithoutCare(HandOut):
    """What a lost worker held is handed out once more, whatever it is."""

    def repeat(self, lease: Lease, now: float) -> Effects:
        request = lease.exchange.request
        method, request.method = request.method, b"GET"
        effects = super().repeat(lease, now)
        request.method = method
        return effects


@pytest.mark.parametrize(
    ("steps", "noticed"),
    [
        (WithoutFencing, "S4"),
        (WithoutTimer, "promise 1"),
        (WithoutLimit, "DID NOT RAISE.*GatewayError"),
        (WithoutCare, "S3"),
        (WithoutShare, "O4"),
        (WithoutTurns, "promise 4"),
        (WithoutLeaving, "promise 4"),
    ],
)
def test_what_is_switched_off_is_noticed(steps: type[HandOut], noticed: str) -> None:
    class Broken(Gateway):
        hand_out = steps

    with pytest.raises((AssertionError, pytest.fail.Exception), match=noticed):
        run_state_machine_as_test(Broken, settings=LIVES)
