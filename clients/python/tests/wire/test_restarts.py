"""When a process that has ended is started again."""

from prack_wire.restarts import MOST_SECONDS, STEADY_SECONDS, Restarts


def test_the_first_time_at_once_and_then_ever_later() -> None:
    restarts = Restarts()
    assert [restarts.wait(0.1) for _ in range(7)] == [0, 1, 2, 4, 8, 16, MOST_SECONDS]
    assert restarts.wait(0.1) == MOST_SECONDS


def test_a_process_that_was_well_is_started_at_once() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.wait(0.1)
    assert [restarts.wait(STEADY_SECONDS), restarts.wait(0.1)] == [0, 1]
