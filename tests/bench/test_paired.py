"""What books cost in process: everybody has turns, and is compared within its round."""

import asyncio

import pytest

from bench.guarded import TOGETHER
from bench.measurements import figures
from bench.paired import AGAIN, BOOKS, KINDS, NONE, SECOND, Gateway, rounds, summary
from bench.samples import Samples

SECONDS = 30.0


async def test_each_round_has_a_turn_of_each_kind() -> None:
    async with asyncio.timeout(SECONDS):
        found = await rounds(0.01)
    assert found
    for one in found:
        assert set(one) == set(KINDS)
        assert min(one.values()) > 0


async def test_books_are_looked_at_as_in_a_busy_gateway() -> None:
    gateway, turns = Gateway(BOOKS), SECOND // TOGETHER - 1
    books = gateway.books
    assert books is not None
    async with asyncio.timeout(SECONDS):
        await gateway.turn(turns)
        kept = len(books.last())
        await gateway.turn(1)
        await gateway.turn(turns)
    assert len(books.last()) == 2 * kept


def test_kinds_are_compared_within_a_round() -> None:
    costs = [(10e-6, 11e-6), (20e-6, 22e-6), (90e-6, 99e-6)]
    found = [{NONE: one, AGAIN: one, BOOKS: other} for one, other in costs]
    assert summary(found) == pytest.approx({NONE: 20.0, AGAIN: 20.0, BOOKS: 22.0})


def test_the_report_tells_a_percent_in_process() -> None:
    samples = Samples()
    for name, rate, inside in (("prack-blind", 100.0, 40.0), ("prack", 99.0, 41.6)):
        case = {"contender": name, "round": 0, "rate": rate, "front_cpu": 9.0}
        samples.add(**case, inside=inside)
    report = figures.report(samples)
    assert "| prack | 99.0 | 0.99 | 0.99 | 0.99 | 9.00 | 1.00 | 1.00 | 1.00 |" in report
    assert "| prack | 41.6 | 1.040 | 1.040 | 1.040 |" in report
