"""The test of the model: one rule of lending is broken, and some of its random lives notice it."""

from collections.abc import Iterable

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
from prack_grpc.core.lending.messages import Lend, Released
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import PeerReceiver
from tests.core.lending.test_model import Gateways

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


class Partial(Lender):
    """Own requests wait as long as a peer uses a slot."""

    def keeps(self, loan: Loan[Session], session: Session) -> bool:
        return session in loan.stock.sessions and session.room(loan.stock.kind) > 0


class Careless(Lender):
    """Sets nothing aside."""

    def lend(self, loan: Loan[Session], sessions: list[Session]) -> Effects:
        effects = super().lend(loan, sessions)
        for session in sessions:
            session.reserve(loan.stock.kind, -1)
        return effects


class Deaf(Lender):
    """Lends what is free now, and nothing when a slot gets free later."""

    def look(self, session: Session, now: float) -> Effects:
        wanting = [(stock, dict(stock.wanting)) for stock in self.stocks.of(session)]
        for stock, _ in wanting:
            stock.wanting.clear()
        effects = super().look(session, now)
        for stock, loans in wanting:
            stock.wanting.update(loans)
        return effects


class Sloppy(HandOut):
    """What fails here keeps its loan."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(limits, now)
        self.lender = Kept(self.queue, limits)


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

    def refresh(self, now: float) -> Effects:
        effects = super().refresh(now)
        return [one for one in effects if not hasattr(one, "slots")]


class Shy(Borrower):
    """Asks two, and never again."""

    def _pause(self) -> float:
        return 1e9


class Blind(Borrower):
    """Does not say when nothing waits any more."""


class Hasty(Lending):
    """Uses what it has given back until that is counted."""

    def lent(
        self, peer: PeerReceiver, number: int, slots: int, returned: int, now: float
    ) -> Effects:
        if guest := self.borrower.guests.get((peer, number)):
            guest.given = returned
        return super().lent(peer, number, slots, returned, now)


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


@pytest.mark.parametrize(
    ("lender", "noticed"),
    [
        (Late, "met a slot that was not there"),
        (Forgetful, "what is lent is not what is borrowed"),
        (Silent, "a slot that nobody lets go"),
        (Patient, "a slot is idle while somebody waits"),
        (Stubborn, "more than its slots"),
        (Partial, "."),
        (Careless, "set aside"),
        (Deaf, "a slot is idle while somebody waits"),
        (Kept, "."),
    ],
)
def test_a_broken_lender_is_noticed(lender: type[Lender], noticed: str) -> None:
    class Broken(Gateways):
        hand_out = with_lender(lender)

    notices(Broken, noticed)


@pytest.mark.parametrize(("steps", "noticed"), [(Queueing, "a hosted one waits"), (Mixed, "S12")])
def test_broken_steps_are_noticed(steps: type[HandOut], noticed: str) -> None:
    class Broken(Gateways):
        hand_out = steps

    notices(Broken, noticed)


@pytest.mark.parametrize(
    ("lending_", "noticed"),
    [
        (with_borrower(Greedy), "never given back"),
        (with_borrower(Shy), "a slot is idle while somebody waits"),
        (Hasty, "met a slot that was not there"),
    ],
    ids=["Greedy", "Shy", "Hasty"],
)
def test_a_broken_borrower_is_noticed(lending_: type[Lending], noticed: str) -> None:
    class Broken(Gateways):
        lending = lending_

    notices(Broken, noticed)


def notices(machine: type[Gateways], what: str) -> None:
    """Some random life fails, and says this."""
    with pytest.raises(AssertionError, match=what):
        run_state_machine_as_test(machine, settings=LIVES)
