import pytest

from prack_grpc.core.queue.pace import MIN_SECONDS, SPAN, Pace


def a_pace(*hand_outs: tuple[float, int], start: float = 100.0) -> Pace:
    """A line that became one at `start`, and at which moments after that how many left it."""
    pace = Pace()
    pace.start(start)
    for seconds, count in hand_outs:
        for _ in range(count):
            pace.mark(start + seconds)
    return pace


@pytest.mark.parametrize(
    ("hand_outs", "now", "rate"),
    [
        # It is told once the line is as old as a span.
        ([(1.0, 100)], 4.9, None),
        ([(1.0, 100)], 5.0, 20.0),
        ([(0.5, 30), (4.0, 10)], 8.0, 5.0),
        # A few hand-outs tell nothing.
        ([], 100.0, None),
        ([(1.0, 9)], 6.0, None),
        ([(1.0, 10)], 5.0, 2.0),
        # The last span counts with the one before it, and no other.
        ([(4.0, 20), (6.0, 10)], 6.0, 5.0),
        ([(4.0, 20), (6.0, 10)], 9.9, 3.03),
        ([(4.0, 20), (6.0, 10), (11.0, 20)], 11.0, 6.0),
        # It slows down, and the rate does.
        ([(4.0, 100)], 5.0, 20.0),
        ([(4.0, 100)], 9.0, 11.11),
        # It stands still: after two spans nothing is known.
        ([(4.0, 100)], 10.0, None),
        ([(4.0, 100), (5.5, 10)], 16.0, None),
        ([(4.0, 100), (30.0, 12)], 31.0, 2.0),
    ],
)
def test_the_rate_is_that_of_the_last_moments(
    hand_outs: list[tuple[float, int]], now: float, rate: float | None
) -> None:
    found = a_pace(*hand_outs).rate(100.0 + now)
    assert found == (rate and pytest.approx(rate, rel=0.01))


def test_a_line_that_begins_again_knows_nothing_of_before() -> None:
    pace = a_pace((4.0, 100))
    pace.start(105.0)
    for _ in range(20):
        pace.mark(107.0)
    assert pace.rate(109.9) is None
    assert pace.rate(110.0) == 4.0


def test_a_steady_pace_is_told_within_a_tenth_at_any_moment() -> None:
    pace = a_pace()
    for tenth in range(400):
        now = 100 + tenth / 10
        pace.mark(now)
        rate = pace.rate(now)
        if now >= 100 + MIN_SECONDS:
            assert rate == pytest.approx(10, rel=0.1)


def test_asking_changes_nothing() -> None:
    asked, alone = a_pace((1.0, 20), (7.0, 30)), a_pace((1.0, 20), (7.0, 30))
    for tenth in range(int(30 * SPAN)):
        asked.rate(107.0 + tenth / 100)
    assert asked.rate(114.0) == alone.rate(114.0)
