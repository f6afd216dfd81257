import itertools
from collections.abc import Mapping
from enum import Enum

import pytest

from prack_grpc.core.errors import LeaseError
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.states import CALLER, COUPLING, WORKER, Call, Caller, Work, WorkEvent
from tests.core.building import Desk

# What is not listed is refused.
CALLER_MOVES = {
    (Caller.WAITING, Call.HEAD): Caller.ANSWERING,
    (Caller.WAITING, Call.FAIL): Caller.DONE,
    (Caller.WAITING, Call.LEAVE): Caller.DONE,
    (Caller.ANSWERING, Call.COMPLETE): Caller.DONE,
    (Caller.ANSWERING, Call.FAIL): Caller.DONE,
    (Caller.ANSWERING, Call.LEAVE): Caller.DONE,
}
WORKER_MOVES = {
    (Work.LEASED, WorkEvent.HEAD): Work.ANSWERING,
    (Work.LEASED, WorkEvent.ABORT): Work.CLOSED,
    (Work.LEASED, WorkEvent.CANCEL): Work.CANCELLED,
    (Work.LEASED, WorkEvent.LOSE): Work.CLOSED,
    (Work.LEASED, WorkEvent.RETURN): Work.CLOSED,
    (Work.ANSWERING, WorkEvent.DATA): Work.ANSWERING,
    (Work.ANSWERING, WorkEvent.FINISH): Work.CLOSED,
    (Work.ANSWERING, WorkEvent.ABORT): Work.CLOSED,
    (Work.ANSWERING, WorkEvent.CANCEL): Work.CANCELLED,
    (Work.ANSWERING, WorkEvent.LOSE): Work.CLOSED,
    (Work.CANCELLED, WorkEvent.HEAD): Work.CANCELLED,
    (Work.CANCELLED, WorkEvent.DATA): Work.CANCELLED,
    (Work.CANCELLED, WorkEvent.FINISH): Work.CLOSED,
    (Work.CANCELLED, WorkEvent.ABORT): Work.CLOSED,
    (Work.CANCELLED, WorkEvent.LOSE): Work.CLOSED,
}


@pytest.fixture
def lease() -> Lease:
    desk = Desk()
    desk.stream()
    return desk.leased()


@pytest.mark.parametrize(("state", "event"), [*itertools.product(Caller, Call)])
def test_the_caller_half_moves_as_listed_or_not_at_all(
    lease: Lease, state: Caller, event: Call
) -> None:
    exchange = lease.exchange
    exchange.state = state
    if (state, event) in CALLER_MOVES:
        exchange.apply(event)
        assert exchange.state is CALLER_MOVES[state, event]
    else:
        with pytest.raises(LeaseError, match=f"{event.name} .* {state.name}"):
            exchange.apply(event)
        assert exchange.state is state


@pytest.mark.parametrize(("state", "event"), [*itertools.product(Work, WorkEvent)])
def test_the_worker_half_moves_as_listed_or_not_at_all(
    lease: Lease, state: Work, event: WorkEvent
) -> None:
    lease.state = state
    if (state, event) in WORKER_MOVES:
        lease.apply(event)
        assert lease.state is WORKER_MOVES[state, event]
    else:
        with pytest.raises(LeaseError, match=f"{event.name} .* {state.name}"):
            lease.apply(event)
        assert lease.state is state


@pytest.mark.parametrize(("table", "states"), [(CALLER, Caller), (WORKER, Work)])
def test_every_state_has_a_row_and_a_way_to_the_end(
    table: Mapping[Enum, Mapping[Enum, Enum]], states: type[Enum]
) -> None:
    assert set(table) == set(states)
    ending = {list(states)[-1]}
    for _ in states:
        ending |= {state for state, row in table.items() if ending & set(row.values())}
    assert ending == set(states)


@pytest.mark.parametrize("state", Work)
def test_the_end_of_the_caller_half_cancels_a_worker_half_that_goes_on(state: Work) -> None:
    goes_on = state in (Work.LEASED, Work.ANSWERING)
    assert (state in COUPLING) is goes_on
    if goes_on:
        assert WORKER[state][COUPLING[state]] is Work.CANCELLED


def test_each_hand_out_has_an_identifier_of_its_own() -> None:
    desk = Desk(max_attempts=3)
    desk.rest()
    lease, identifiers = desk.leased(), set()
    for _ in range(3):
        identifiers.add(lease.assignment.identifier)
        desk.refuse(lease)
        lease = lease.exchange.lease or lease
    assert len(identifiers) == 3
