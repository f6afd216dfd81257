"""A value for each second, whatever happened in between."""

from prack_grpc.telemetry.books.histogram import add, spread
from prack_grpc.telemetry.books.history import History
from prack_grpc.telemetry.books.place import Second


def second(requests: int = 0, wait: float = 0.1) -> Second:
    made = Second()
    made.ends.requests = requests
    add(made.waits, spread([wait] * requests))
    return made


def test_seconds_that_nobody_saw_have_no_requests() -> None:
    history = History(10)
    history.close(second(5), 100, 1, 8, 3)
    history.close(second(7), 103, 0, 8, 0)
    assert [point.at for point in history.points] == [100, 101, 102, 103]
    assert [point.requests for point in history.points] == [5, 0, 0, 7]
    assert history.points[1].total.p50 is None


def test_two_looks_in_one_second_are_two_seconds() -> None:
    history = History(10)
    for at in (100, 100, 102):
        history.close(second(1), at, 0, 0, 0)
    assert [point.at for point in history.points] == [100, 101, 102]


def test_a_long_gap_is_no_longer_than_the_history() -> None:
    history = History(10)
    history.close(second(1), 100, 0, 0, 0)
    history.close(second(1), 1_000_000, 0, 0, 0)
    assert [point.at for point in history.points] == list(range(999_991, 1_000_001))


def test_the_waits_are_those_of_the_last_minute() -> None:
    history = History(900)
    history.close(second(1000, wait=9.0), 0, 0, 0, 0)
    for at in range(1, 61):
        history.close(second(1, wait=0.1), at, 0, 0, 0)
    p99 = history.parts()["total"].p99
    assert p99 is not None
    assert 0.08 <= p99 <= 0.1
