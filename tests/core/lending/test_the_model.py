"""The test of the model: one rule of lending is broken, and some of its random lives notice it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import ErrorKind
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.lending.borrower import Borrower
from prack_grpc.core.lending.guest import Guest
from prack_grpc.core.lending.lender import Lender
from prack_grpc.core.lending.lending import Lending
from prack_grpc.core.lending.loan import Loan, Stock
from prack_grpc.core.lending.messages import Lend, Released, Want
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import PeerReceiver
from tests.core.lending.test_model import Calm, Gateways

LIVES = settings(
    max_examples=600,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


class Late(Lender):
    """A peer hears of the end of an exchange before it hears that the slot is not lent any more."""

    def __init__(self, queue: Queue, limits: Limits) -> None:
        super().__init__(queue, limits)
        self._late: Effects = []

    def settle(self, lease: Lease) -> Effects:
        effects = super().settle(lease)
        self._late += [one for one in effects if isinstance(one, Lend)]
        return [one for one in effects if not isinstance(one, Lend)]

    def look(self, session: Session, now: float) -> Effects:
        late, self._late = self._late, []
        return late + super().look(session, now)


class Silent(Lender):
    """Nobody hears that the worker of a cancelled exchange has let go."""

    def settle(self, lease: Lease) -> Effects:
        return [one for one in super().settle(lease) if not isinstance(one, Released)]


class Forgetful(Lender):
    """Counts nothing of what is given back."""

    def returned(
        self, peer: PeerReceiver, number: int, count: int
    ) -> tuple[list[ExchangeLane], Effects]:
        found = super().returned(peer, number, count)
        for loan in self.loans():
            loan.returned = 0
        return found


class Patient(Lender):
    """Never asks for what is idle elsewhere."""

    def recall(self, stock: Stock[Session], needed: int) -> Effects:
        return []


class Stubborn(Lender):
    """A slot stays with a peer though its worker has not got it any more."""

    def keeps(self, loan: Loan[Session], session: Session) -> bool:
        return True


class Careless(Lender):
    """Sets nothing aside."""

    def lend(self, loan: Loan[Session], sessions: list[Session]) -> Effects:
        effects = super().lend(loan, sessions)
        for session in sessions:
            session.reserve(loan.stock.kind, -1)
        return effects


class Kept(Lender):
    """What fails here keeps its loan."""

    def withdraw(self, exchange: Exchange) -> Effects:
        return []


class Queueing(HandOut):
    """What a peer's worker gave back waits here for another one."""

    def wait_again(self, exchange: Exchange, kind: ErrorKind, now: float) -> Effects:
        loan, exchange.loan = exchange.loan, None
        effects = super().wait_again(exchange, kind, now)
        exchange.loan = loan
        return effects


class Mixed(HandOut):
    """One book for all."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.hosted = self.counters


class Greedy(Borrower):
    """Keeps what it does not use."""

    def look(self, guest: Guest[Session], now: float) -> Effects:
        return []


class Shy(Borrower):
    """Asks two peers, and then nobody any more."""

    def refresh(self, now: float) -> Effects:
        return [one for one in super().refresh(now) if not isinstance(one, Want)]


def with_lender(lender: type[Lender]) -> type[HandOut]:
    class Broken(HandOut):
        def __init__(self, limits: Limits, now: float) -> None:
            super().__init__(limits, now)
            self.lender = lender(self.queue, limits)

    return Broken


def with_borrower(borrower: type[Borrower]) -> type[Lending]:
    class Broken(Lending):
        def __init__(self, dispatcher: Dispatcher, hand_out: HandOut) -> None:
            super().__init__(dispatcher, hand_out)
            self.borrower = borrower(hand_out.queue)

    return Broken


CASES: dict[str, tuple[type[Calm], dict[str, Any]]] = {
    "late": (Calm, {"hand_out": with_lender(Late)}),
    "silent": (Calm, {"hand_out": with_lender(Silent)}),
    "forgetful": (Calm, {"hand_out": with_lender(Forgetful)}),
    "patient": (Calm, {"hand_out": with_lender(Patient)}),
    "stubborn": (Gateways, {"hand_out": with_lender(Stubborn)}),
    "careless": (Calm, {"hand_out": with_lender(Careless)}),
    "kept": (Calm, {"hand_out": with_lender(Kept)}),
    "queueing": (Calm, {"hand_out": Queueing}),
    "mixed": (Calm, {"hand_out": Mixed}),
    "greedy": (Calm, {"lending": with_borrower(Greedy)}),
    "shy": (Calm, {"lending": with_borrower(Shy)}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_broken_is_noticed(name: str) -> None:
    lives, broken = CASES[name]
    machine = type(name, (lives,), broken)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=LIVES)
