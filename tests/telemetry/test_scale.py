"""How many slots are asked for."""

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.telemetry.scale import (
    AHEAD_SECONDS,
    DRAIN_SECONDS,
    HEADROOM,
    IDLE_SECONDS,
    LATE,
    TARGET_WAIT,
    Demand,
    slots_wanted,
)

COUNTS = st.integers(0, 100_000)
OBSERVATION = st.tuples(st.floats(0, 1000), COUNTS, COUNTS, COUNTS, COUNTS)


def erlang_c(load: float, hold: float, wait: float) -> int:
    """The fewest slots with which no more than LATE wait longer: exactly, by the recursion."""
    blocked, slots = 1.0, 0
    while True:
        slots += 1
        blocked = load * blocked / (slots + load * blocked)
        if slots > load:
            delayed = blocked * slots / (slots - load * (1 - blocked))
            if delayed * math.exp(-(slots - load) * wait / hold) <= LATE:
                return slots


class Route:
    """A route whose requests never wait: `rate` a second, each for `hold` seconds."""

    def __init__(self) -> None:
        self.demand = Demand()
        self._now = 0.0
        self.count = 0.0

    def serve(self, rate: float, hold: float, seconds: int) -> Demand:
        for _ in range(seconds):
            self._now += 1
            self.count += rate
            self.demand.observe(self._now, int(self.count), int(self.count), 0, round(rate * hold))
        return self.demand


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.2, 2.0])
@pytest.mark.parametrize("hold", [0.005, 0.2, 5.0])
@pytest.mark.parametrize("load", [0.01, 0.5, 1, 3, 10, 100, 1000])
def test_formula_is_nearly_that_of_erlang(load: float, hold: float, wait: float) -> None:
    exact = erlang_c(load, hold, wait)
    assert exact - 1 <= slots_wanted(load / hold / HEADROOM, hold, 0, 0, wait) <= exact


def test_more_is_wanted_for_a_shorter_wait() -> None:
    wanted = [slots_wanted(100, 0.2, 0, 0, wait) for wait in (0.0, 0.05, 0.2, 1.0, math.inf)]
    assert wanted == sorted(wanted, reverse=True)
    assert wanted[0] > wanted[-1] > 100 * 0.2 * HEADROOM


def test_backlog_is_drained_in_time() -> None:
    without, backlog = slots_wanted(100, 0.2, 0, 0, 0.2), 1000
    more = slots_wanted(100, 0.2, backlog, 0, 0.2) - without
    assert more * DRAIN_SECONDS / 0.2 == backlog
    assert slots_wanted(100, 0.2, backlog, 0, 2 * DRAIN_SECONDS) < without + more


def test_request_that_waits_takes_no_more_than_a_slot() -> None:
    assert slots_wanted(0, 3600, 7, 5, 0.2) == 7


@pytest.mark.parametrize(
    ("waiting", "busy", "wanted"), [(0, 0, 0), (1, 0, 1), (9, 0, 1), (9, 4, 4)]
)
def test_route_that_nothing_is_known_of(waiting: int, busy: int, wanted: int) -> None:
    demand = Demand()
    assert demand.wanted() == 0
    assert (demand.arrival_rate, demand.service_rate, demand.service_seconds) == (0, 0, None)
    demand.observe(0, 500, 400, waiting, busy)
    assert demand.wanted() == wanted
    assert demand.arrival_rate == 0


def test_figures_are_those_of_the_traffic() -> None:
    demand = Route().serve(10, 0.4, 60)
    assert demand.arrival_rate == pytest.approx(10)
    assert demand.service_rate == pytest.approx(10)
    assert demand.service_seconds == pytest.approx(0.4)
    assert demand.wanted() == demand.wanted(TARGET_WAIT) == slots_wanted(10, 0.4, 0, 4, TARGET_WAIT)


def test_rates_are_known_soon_after_a_start() -> None:
    demand = Route().serve(50, 0.4, 4)
    assert demand.arrival_rate == pytest.approx(50)
    assert demand.service_seconds == pytest.approx(0.4)


def test_moment_says_nothing_of_a_rate() -> None:
    demand = Demand()
    for now in (0.0, 1e-6):
        demand.observe(now, int(now * 5e6), 0, 0, 0)
    assert demand.arrival_rate == 5


def test_arrivals_are_followed_up_fast_and_down_slowly() -> None:
    route = Route()
    low = route.serve(20, 0.2, 120).wanted()
    up = route.serve(200, 0.2, 10).wanted()
    high = route.serve(200, 0.2, 110).wanted()
    down = route.serve(20, 0.2, 10).wanted()
    assert up - low > 0.8 * (high - low)
    assert high - down < 0.2 * (high - low)
    assert route.serve(20, 0.2, 300).wanted() == pytest.approx(low, abs=1)


def test_chance_starts_no_workers() -> None:
    route = Route()
    calm = route.serve(20, 0.2, 120).wanted()
    assert route.serve(30, 0.2, 1).wanted() == calm


def test_counters_may_start_again() -> None:
    route = Route()
    before = route.serve(100, 0.2, 60)
    rate, hold = before.arrival_rate, before.service_seconds
    route.count = 0
    assert route.serve(100, 0.2, 1).arrival_rate == pytest.approx(rate)
    assert before.service_seconds == pytest.approx(hold)


def test_silent_route_wants_no_slot_and_comes_back_with_what_it_needs() -> None:
    route = Route()
    wanted = route.serve(100, 0.2, 120).wanted()
    assert route.serve(0, 0.2, int(IDLE_SECONDS) - 1).wanted() > 0
    assert route.serve(0, 0.2, 1).wanted() == 0
    assert route.serve(0, 0.2, 3600).service_seconds == pytest.approx(0.2)
    route.demand.observe(4000, 12_030, 12_000, 30, 0)
    assert route.demand.wanted() >= 1
    assert route.serve(100, 0.2, 60).wanted() == pytest.approx(wanted, abs=1)


def test_rare_request_keeps_a_slot() -> None:
    assert Route().serve(0.05, 0.001, 200).wanted() == 1


def test_requests_that_never_end_want_the_slots_that_they_have() -> None:
    demand = Demand()
    for second in range(600):
        demand.observe(second, 1000, 0, 0, 1000)
    assert demand.wanted() == 1000
    for second in range(600, 610):  # two a second come, and stay
        demand.observe(second, 1000 + 2 * (second - 599), 0, 0, 1000 + 2 * (second - 599))
    assert 1020 < demand.wanted() < 1000 + 4 * AHEAD_SECONDS


def test_workers_that_answer_nothing_are_not_believed_to_be_fast() -> None:
    demand = Demand()
    for second in range(21):
        demand.observe(second, 10 * second, 0, 10 * second, 4)
    assert demand.service_seconds == pytest.approx(4 * 20, rel=0.2)
    assert demand.wanted() > 100


@given(st.lists(OBSERVATION, max_size=20), st.floats(0, 3600))
def test_whatever_is_observed_gives_a_number(
    observations: list[tuple[float, int, int, int, int]], wait: float
) -> None:
    demand = Demand()
    times = accumulate(seconds for seconds, *_ in observations)
    for now, (_, arrived, finished, waiting, busy) in zip(times, observations, strict=True):
        demand.observe(now, arrived, finished, waiting, busy)
        assert demand.wanted(wait) >= max(busy, min(waiting, 1))
        rates = demand.arrival_rate, demand.service_rate, demand.service_seconds or 0.0
        assert all(math.isfinite(rate) and rate >= 0 for rate in rates)


@given(st.floats(0, 1e4), st.floats(0, 60), COUNTS, COUNTS)
def test_more_traffic_never_wants_fewer_slots(
    rate: float, hold: float, waiting: int, busy: int
) -> None:
    wanted = [slots_wanted(rate * times, hold, waiting, busy, 0.2) for times in (1, 1.5, 2)]
    assert all(less <= more for less, more in pairwise(wanted))
