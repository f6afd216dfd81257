"""Times in buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.telemetry.books.histogram import (
    BOUNDS,
    SHOWN,
    add,
    cumulative,
    empty,
    quantile,
    spread,
    total,
)

TIMES = st.lists(st.floats(0, 200, allow_nan=False), max_size=200)


def counted(times: list[float]) -> list[int]:
    counts = empty()
    add(counts, spread(times))
    return counts


@given(TIMES)
def test_every_time_is_in_its_bucket(times: list[float]) -> None:
    counts = counted(times)
    assert sum(counts) == len(times)
    for at, bound in enumerate(BOUNDS):
        assert sum(counts[: at + 1]) == sum(time <= bound for time in times)


@given(TIMES)
def test_prometheus_is_told_the_same(times: list[float]) -> None:
    told = cumulative(counted(times))
    assert [bound for bound, _ in told] == [*SHOWN, float("inf")]
    assert [count for _, count in told] == [
        sum(time <= bound for time in times) for bound, _ in told
    ]


@given(st.lists(st.floats(0.0002, 70), min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_within_the_width_of_a_bucket(times: list[float], part: float) -> None:
    ordered = sorted(times)
    exact = ordered[min(len(ordered) - 1, int(part * len(ordered)))]
    least = ordered[max(0, int(part * len(ordered)) - 1)]
    told = quantile(counted(times), part)
    assert told is not None
    assert least / 1.34 <= told <= exact * 1.34


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile(empty(), 0.5) is None


def test_what_is_too_long_counts_as_the_last_bound() -> None:
    assert quantile(counted([1000.0]), 0.99) == BOUNDS[-1]


def test_a_sum_of_none_is_empty() -> None:
    assert total([]) == empty()
    assert total([counted([0.1]), counted([0.1])])[30] == pytest.approx(2)
