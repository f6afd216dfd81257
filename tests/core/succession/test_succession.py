"""Two gateways, one replacing the other, and the slots of a worker that both have."""

from collections import deque
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from prack_grpc.core.effects import Deliver, Effects
from prack_grpc.core.exchange.exchange import Lease, Session
from prack_grpc.core.http.message import Kind
from prack_grpc.core.succession.claims import Allowed, Claim
from prack_grpc.core.succession.earlier import Earlier
from prack_grpc.core.succession.later import Later
from tests.core.building import Desk
from tests.core.test_the_tests import LIVES

SLOTS, SOCKETS = 3, 2


class Gateway:
    """One of the two: it looks after whatever happens, and what it says waits to be carried."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.side: Earlier | Later | None = None
        self.said: deque[Any] = deque()
        self.leases: list[Lease] = []

    def overlap(self, side: type[Earlier] | type[Later]) -> None:
        self.side = side(self.desk.steps)
        self.desk.core.share = self.side.share
        self.said.append(self.side.look(self.desk.now)[0])

    def happened(self, effects: Effects) -> None:
        self.leases += [effect.lease for effect in effects if isinstance(effect, Deliver)]
        if self.side:
            words, more = self.side.look(self.desk.now)
            if words:
                self.said.append(words)
            if more:
                self.happened(more)

    def join(self, slots: int, sockets: int = 0, worker: str = "w") -> Session:
        session = self.desk.stream(
            worker=worker, slots=slots, websocket_slots=sockets, kinds=tuple(Kind)
        )
        self.happened([])
        return session

    def ask(self, kind: Kind = Kind.HTTP) -> None:
        exchange = self.desk.submit(kind=kind)
        if exchange.lease:
            self.leases.append(exchange.lease)
        self.happened([])

    def answer(self) -> None:
        self.happened(self.desk.answer(self.leases.pop(0)))

    def hears(self, words: Any) -> None:
        assert self.side is not None
        self.happened(self.side.heard(words, self.desk.now))

    def held(self, kind: Kind) -> int:
        return sum(lease.exchange.request.kind is kind for lease in self.leases)

    @property
    def waiting(self) -> int:
        return len(self.desk.waiting)


class Pair:
    """Both, and the connection between them."""

    def __init__(self, slots: int = SLOTS, sockets: int = 0) -> None:
        self.earlier, self.later = Gateway(), Gateway()
        self.old = self.earlier.join(slots, sockets)

    def overlap(self, earlier: type[Earlier], later: type[Later]) -> None:
        self.later.overlap(later)
        self.earlier.overlap(earlier)

    def carry(self, source: Gateway, target: Gateway) -> None:
        target.hears(source.said.popleft())

    def settle(self) -> None:
        for _ in range(100):
            for source, target in (self.earlier, self.later), (self.later, self.earlier):
                while source.said:
                    self.carry(source, target)

    def held(self, kind: Kind = Kind.HTTP) -> tuple[int, int]:
        return self.earlier.held(kind), self.later.held(kind)


def a_pair(
    old: int = 0,
    new: int = SLOTS,
    sockets: int = 0,
    earlier: type[Earlier] = Earlier,
    later: type[Later] = Later,
) -> Pair:
    """Both have the worker; the earlier gateway has handed it so many requests."""
    pair = Pair(sockets=sockets)
    for _ in range(old):
        pair.earlier.ask()
    pair.overlap(earlier, later)
    pair.later.join(new, sockets)
    return pair


def test_no_slot_is_used_before_the_first_claims_have_come() -> None:
    pair = a_pair()
    pair.later.ask()
    assert pair.held() == (0, 0)
    pair.settle()
    assert pair.held() == (0, 1)


def test_what_the_earlier_gateway_holds_is_left_alone_until_it_ends() -> None:
    pair = a_pair(old=2)
    pair.settle()
    for _ in range(3):
        pair.later.ask()
    assert pair.held() == (2, 1)
    pair.earlier.answer()
    pair.settle()
    assert pair.held() == (1, 2)


def test_a_worker_that_offers_only_what_is_free_gets_all_of_it() -> None:
    pair = a_pair(old=2, new=1)
    pair.settle()
    for _ in range(2):
        pair.later.ask()
    assert pair.held() == (2, 1)


def test_a_late_request_gets_the_next_slot_that_is_free() -> None:
    pair = a_pair()
    pair.settle()
    for _ in range(5):
        pair.later.ask()
    pair.earlier.ask()
    pair.settle()
    assert pair.held() == (0, 3)
    pair.later.answer()
    pair.settle()
    assert pair.held() == (1, 2)


def test_an_answer_to_an_older_claim_does_not_count() -> None:
    pair = a_pair()
    pair.settle()
    pair.earlier.ask()
    pair.carry(pair.earlier, pair.later)
    pair.earlier.desk.core.leave(pair.earlier.desk.waiting[0], pair.earlier.desk.now)
    pair.earlier.happened([])
    pair.carry(pair.earlier, pair.later)
    for _ in range(3):
        pair.later.ask()
    pair.earlier.ask()
    pair.carry(pair.later, pair.earlier)
    assert pair.held() == (0, 3)


def test_another_worker_and_one_that_comes_only_later_have_all_their_slots() -> None:
    pair = a_pair(old=3)
    pair.later.join(SLOTS, worker="other")
    pair.settle()
    for _ in range(4):
        pair.later.ask()
    assert pair.held() == (3, 3)


def test_the_claims_of_a_worker_that_was_lost_are_no_more() -> None:
    pair = a_pair(old=3)
    pair.settle()
    pair.later.ask()
    pair.earlier.happened(pair.earlier.desk.core.lose(pair.old, pair.earlier.desk.now))
    pair.settle()
    assert pair.later.held(Kind.HTTP) == 1


def test_a_stream_that_reaches_the_earlier_gateway_late_claims_what_it_needs() -> None:
    pair = a_pair()
    pair.settle()
    pair.earlier.desk.core.drain(pair.old, pair.earlier.desk.now)
    late = pair.earlier.join(SLOTS)
    assert late.room(Kind.HTTP) == 0
    pair.earlier.ask()
    pair.settle()
    assert pair.held() == (1, 0)


def test_a_poll_is_a_slot_of_itself() -> None:
    pair = a_pair(old=3)
    for gateway in pair.earlier, pair.later:
        gateway.desk.rest(worker="w")
        gateway.ask()
    assert pair.held() == (4, 1)


def test_websockets_have_slots_of_their_own_to_share() -> None:
    pair = a_pair(old=3, sockets=SOCKETS)
    pair.earlier.ask(Kind.WEBSOCKET)
    pair.settle()
    for _ in range(2):
        pair.later.ask(Kind.WEBSOCKET)
    assert pair.held(Kind.WEBSOCKET) == (1, 1)


class Succession(RuleBasedStateMachine):
    """Requests, answers and words in any order."""

    earlier_side: type[Earlier] = Earlier
    later_side: type[Later] = Later

    def __init__(self) -> None:
        super().__init__()
        self.pair = a_pair(2, SLOTS, SOCKETS, self.earlier_side, self.later_side)
        self.gateways = self.pair.earlier, self.pair.later

    @rule(which=st.integers(0, 1), kind=st.sampled_from([Kind.HTTP, Kind.WEBSOCKET]))
    def ask(self, which: int, kind: Kind) -> None:
        self.gateways[which].ask(kind)

    @rule(which=st.integers(0, 1))
    def answer(self, which: int) -> None:
        if self.gateways[which].leases:
            self.gateways[which].answer()

    @rule(which=st.integers(0, 1))
    def leave(self, which: int) -> None:
        gateway = self.gateways[which]
        if gateway.waiting:
            gateway.happened(gateway.desk.core.leave(gateway.desk.waiting[0], gateway.desk.now))

    @rule(slots=st.integers(1, SLOTS))
    def resize(self, slots: int) -> None:
        """The worker may offer the later gateway less."""
        (session,) = self.pair.later.desk.core.queue.sessions
        now = self.pair.later.desk.now
        self.pair.later.happened(self.pair.later.desk.core.resize(session, slots, now, SOCKETS))

    @precondition(lambda self: self.pair.earlier.said)
    @rule()
    def claim(self) -> None:
        self.pair.carry(*self.gateways)

    @precondition(lambda self: self.pair.later.said)
    @rule()
    def allow(self) -> None:
        self.pair.carry(*reversed(self.gateways))

    @invariant()
    def it_never_holds_more_than_its_slots(self) -> None:
        assert sum(self.pair.held(Kind.HTTP)) <= SLOTS
        assert sum(self.pair.held(Kind.WEBSOCKET)) <= SOCKETS

    def teardown(self) -> None:
        """Once all is said and answered, nothing waits."""
        self.resize(SLOTS)
        self.pair.settle()
        for gateway in self.gateways * 2:
            while gateway.leases:
                gateway.answer()
                self.pair.settle()
        assert [gateway.waiting for gateway in self.gateways] == [0, 0]


TestSuccession = Succession.TestCase


# ---------------------------------------------------------------- the test of this test


class TakesWhatItWants(Earlier):
    """It uses what it claims before that is allowed."""

    def look(self, now: float) -> tuple[list[Claim], Effects]:
        claims, effects = super().look(now)
        answers = [Allowed(*claim[:3], claim.wanted) for claim in claims]
        return claims, effects + self.heard(answers, now)


class AllowsAll(Later):
    """It allows slots that it uses itself."""

    def look(self, now: float) -> tuple[list[Allowed], Effects]:
        answers, _ = super().look(now)
        claims = self._claims or {}
        return [one._replace(most=claims[one[:2]].wanted) for one in answers], []


class GivesUp(Later):
    """What it could not allow at once it never allows."""

    def look(self, now: float) -> tuple[list[Allowed], Effects]:
        answers, effects = super().look(now)
        for one in answers:
            self._claims = {**(self._claims or {})}
            self._claims[one[:2]] = self._claims[one[:2]]._replace(wanted=one.most)
        return answers, effects


class DoesNotWait(Later):
    """It uses slots before it has heard of the first claim."""

    def share(self, session: Session) -> None:
        self._claims = self._claims or {}
        super().share(session)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (TakesWhatItWants, Later),
        (Earlier, AllowsAll),
        (Earlier, GivesUp),
        (Earlier, DoesNotWait),
    ],
)
def test_each_rule_is_needed(earlier: type[Earlier], later: type[Later]) -> None:
    class Broken(Succession):
        earlier_side, later_side = earlier, later

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=LIVES)
