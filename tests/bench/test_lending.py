"""Gateways that lend each other slots are nearly as good as one queue, in virtual time."""

from dataclasses import replace

import pytest

from bench.lending.world import Case, Course, World, ideal
from bench.measurements import cluster, lending
from bench.samples import Samples, percentile

REQUESTS = 5_000
SKEWED = 0.7
SIZES = [(4, 8, 4), (8, 16, 2), (16, 32, 1)]


def tail(course: Course) -> float:
    return percentile(course.counted, 99)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("skew", [0.0, SKEWED])
def test_the_tail_is_that_of_one_queue(size: tuple[int, int, int], skew: float) -> None:
    case = Case(*size, 0.7, skew, requests=REQUESTS)
    course = World(case).run()
    assert tail(course) <= 1.05 * tail(ideal(case))
    assert course.refused == course.failed == 0
    assert course.messages <= 7 * REQUESTS


@pytest.mark.parametrize("size", SIZES[:2], ids=str)
def test_the_tail_is_nearly_that_of_one_queue_under_high_load(size: tuple[int, int, int]) -> None:
    case = Case(*size, 0.9, requests=REQUESTS)
    course = World(case).run()
    assert tail(course) <= 1.05 * tail(ideal(case))
    assert course.refused == course.failed == 0


def test_without_lending_a_gateway_whose_workers_are_busy_makes_clients_wait() -> None:
    """So the figures above are not those of any gateways."""
    case = Case(4, 8, 4, 0.7, SKEWED, requests=REQUESTS)
    assert tail(World(case, lending=False).run()) > 10 * tail(ideal(case))


def test_balanced_gateways_hardly_speak() -> None:
    course = World(Case(4, 16, 8, 0.5, requests=REQUESTS)).run()
    assert course.relayed < 0.02 * REQUESTS
    assert course.messages < 0.1 * REQUESTS


def test_one_queue_serves_in_turn() -> None:
    case = Case(1, 1, 1, 0.5, requests=2)
    (first, _, _), (second, takes, _) = case.arrivals()
    found = ideal(replace(case, load=1e6, requests=2)).seconds
    assert second > first
    assert found[1] == pytest.approx(found[0] + takes, rel=1e-3)


def test_the_report_has_a_row_for_each_case() -> None:
    case = Case(2, 2, 1, 0.5, requests=100)
    samples = Samples()
    samples.add(case=lending.name(case), round=0, **lending.figures(case))
    assert "| 2, 2 x 1, 50% |" in lending.report(samples)


def test_so_does_that_of_a_cluster() -> None:
    case = Case(4, 8, 1, 0.5, cluster.SKEW, requests=200)
    samples = Samples()
    samples.add(case=cluster.name(case), round=0, **lending.figures(case))
    assert f"| {case.rate:,.0f}, 50%, skewed |" in cluster.report(samples)


def test_the_busiest_gateway_of_a_cluster_has_not_all_messages() -> None:
    """What is said as links begin does not count."""
    case = Case(8, 16, 1, 0.7, requests=1_000)
    course = World(case).run()
    assert 0 < course.busiest < course.messages
    assert World(replace(case, requests=1)).run().messages == 0


def test_a_wait_is_without_the_work() -> None:
    case = Case(1, 8, 4, 0.3, requests=1_000)
    assert max(ideal(case).waits(case)) == pytest.approx(0.0, abs=1e-9)
