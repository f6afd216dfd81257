"""The life of a job, as a table."""

import pytest

from prack_grpc.core.deferred.states import JOB, Event, State, transition


@pytest.mark.parametrize("event", Event)
def test_each_event_needs_one_state(event: Event) -> None:
    assert [key for key in JOB if key[1] is event] == [(transition(event)[0], event)]


def test_what_was_answered_stays_so() -> None:
    assert not [key for key in JOB if key[0] is State.ANSWERED]


def test_only_an_operator_wakes_the_dead() -> None:
    assert [event for state, event in JOB if state is State.DEAD] == [Event.AGAIN]
