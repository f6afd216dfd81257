"""What becomes of a job after an attempt."""

import pytest

from prack_grpc.core.deferred.rules import (
    SOON,
    Outcome,
    Policy,
    is_accepted,
    is_answer,
    retry_after,
    verdict,
)
from prack_grpc.core.deferred.states import Event

POLICY = Policy(attempts=4, age=100.0, first=1.0, longest=8.0)
FAILED = Outcome(True, False, "a worker answered 500")
NOW = 1_780_000_000.0


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 409, 410, 422])
def test_these_are_answers(status: int) -> None:
    assert is_answer(status)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_after_these_it_is_tried_again(status: int) -> None:
    assert not is_answer(status)


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (299, True), (300, False), (404, False)]
)
def test_a_call_is_accepted_by_2xx(status: int, accepted: bool) -> None:
    assert is_accepted(status) is accepted


def test_an_answer_is_the_end() -> None:
    outcome = Outcome(True, True, "a worker answered 200")
    assert verdict(outcome, 99, 1e9, POLICY, 0.0) == (Event.ANSWER, 0.0)


def test_what_was_never_started_costs_no_attempt_but_time() -> None:
    outcome = Outcome(False, False, "no_workers")
    assert verdict(outcome, 99, 99.9, POLICY, 0.0) == (Event.PUT_BACK, SOON)
    assert verdict(outcome, 1, 100.0, POLICY, 0.0) == (Event.GIVE_UP, 0.0)


def test_pauses_double_up_to_the_longest() -> None:
    policy = Policy(attempts=100, age=1e9, first=1.0, longest=8.0)
    pauses = [verdict(FAILED, attempts, 0.0, policy, 0.0)[1] for attempts in (1, 2, 3, 4, 5, 99)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_pauses_are_spread_over_their_second_half() -> None:
    assert verdict(FAILED, 3, 0.0, POLICY, 1.0) == (Event.RETRY, 2.0)


def test_twenty_attempts_take_nine_hours() -> None:
    pauses = [verdict(FAILED, number, 0.0, Policy(), 0.0)[1] for number in range(1, 20)]
    assert 8.0 < sum(pauses) / 3600 < 9.5


@pytest.mark.parametrize(("attempts", "age"), [(4, 0.0), (1, 100.0)])
def test_after_the_last_attempt_or_too_long_it_is_dead(attempts: int, age: float) -> None:
    assert verdict(FAILED, attempts, age, POLICY, 0.0)[0] is Event.GIVE_UP


def test_just_before_it_is_not() -> None:
    assert verdict(FAILED, 3, 99.9, POLICY, 0.0)[0] is Event.RETRY


def test_a_worker_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    asked = [Outcome(True, False, "", seconds) for seconds in (0.5, 5.0, 1e9)]
    assert [verdict(one, 1, 0.0, POLICY, 0.0)[1] for one in asked] == [1.0, 5.0, 8.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("1e3", 0.0),
        ("Thu, 28 May 2026 20:27:40 GMT", 60.0),
        ("Thu, 28 May 2026 20:20:00 GMT", 0.0),
        ("Thu, 28 May 99999 20:20:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds
