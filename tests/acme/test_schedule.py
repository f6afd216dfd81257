"""When certificates are ordered, whatever goes wrong and whoever restarts the gateway."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.acme.schedule import (
    DAY,
    HOUR,
    HOURLY,
    MINUTE,
    Certificate,
    Orders,
    due,
    earliest,
    next_question,
    next_try,
)

NOW = 1_800_000_000.0
NAMES = ("a.example", "b.example")
QUARTER = Certificate(frozenset(NAMES), NOW, NOW + 90 * DAY, temporary=False)


def test_a_certificate_is_renewed_when_a_third_of_its_lifetime_is_left() -> None:
    assert due(QUARTER, NAMES, None) == NOW + 60 * DAY


@pytest.mark.parametrize(("suggested", "expected"), [(10 * DAY, 10 * DAY), (80 * DAY, 60 * DAY)])
def test_the_authority_can_have_it_renewed_sooner_but_not_later(
    suggested: float, expected: float
) -> None:
    assert due(QUARTER, NAMES, NOW + suggested) == NOW + expected


def test_a_temporary_certificate_is_replaced_at_once() -> None:
    temporary = Certificate(QUARTER.names, QUARTER.begin, QUARTER.end, temporary=True)
    assert due(temporary, NAMES, None) <= NOW


@pytest.mark.parametrize("names", [("a.example",), (*NAMES, "c.example")])
def test_other_names_are_ordered_at_once(names: tuple[str, ...]) -> None:
    assert due(QUARTER, names, None) <= NOW
    assert due(QUARTER, tuple(reversed(NAMES)), None) > NOW


def test_each_failure_makes_the_wait_longer_up_to_six_hours() -> None:
    orders, waits = Orders(), []
    for _ in range(8):
        orders = orders.failed(0.0)
        waits.append(next_try(orders, NOW, 0.0) - NOW)
    assert waits == [60, 240, 960, 3840, 15_360, 21_600, 21_600, 21_600]


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1))
def test_chance_adds_a_quarter_at_most(failures: int, chance: float) -> None:
    orders = Orders(failures=failures)
    least = next_try(orders, NOW, 0.0) - NOW
    assert least <= next_try(orders, NOW, chance) - NOW <= 1.25 * least


def test_a_certificate_ends_the_count_of_failures() -> None:
    orders = Orders().begun(NOW).failed(NOW + HOUR).done()
    assert orders == Orders((NOW,))


def test_what_the_authority_asks_for_is_respected_for_a_day_at_most() -> None:
    assert earliest(Orders().failed(NOW + HOUR), NOW) == NOW + HOUR
    assert next_try(Orders().failed(NOW + HOUR), NOW, 0.0) == NOW + HOUR
    assert earliest(Orders().failed(NOW + 365 * DAY), NOW) == NOW + DAY


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    ahead = Orders((NOW + DAY,) * HOURLY)
    assert earliest(ahead, NOW) == NOW


WAITS = st.floats(0, 2 * HOUR)
# What comes next: so much time, and whether somebody insists, by a restart or SIGHUP.
STEPS = st.lists(st.tuples(WAITS, st.booleans(), st.booleans(), st.floats(0, HOUR)), max_size=60)


@given(STEPS)
def test_nobody_makes_it_order_more_than_four_times_an_hour(
    steps: list[tuple[float, bool, bool, float]],
) -> None:
    orders, now, try_at, made = Orders(), NOW, 0.0, []
    for wait, insists, works, retry_after in steps:
        now += wait
        if insists:
            try_at = 0.0
        if now < max(try_at, earliest(orders, now)):
            continue
        assert now >= orders.not_before
        made.append(now)
        orders = orders.begun(now)
        if works:
            orders = orders.done()
        else:
            orders = orders.failed(now + retry_after)
            try_at = next_try(orders, now, 0.5)
    for first, fifth in zip(made, made[HOURLY:], strict=False):
        assert fifth - first >= HOUR - 1e-3


@given(st.floats(-DAY, 30 * DAY))
def test_the_authority_is_asked_each_minute_at_most_and_each_day_at_least(wished: float) -> None:
    asked = next_question(NOW, NOW + wished)
    assert NOW + MINUTE <= asked <= NOW + DAY
    assert asked == NOW + wished or not MINUTE <= wished <= DAY
