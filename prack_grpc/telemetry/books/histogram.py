"""Times in buckets, and what can be told from them.

The buckets are narrow enough to tell quantiles within some percent. Those that Prometheus is given
are sums of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
# Upper bounds in seconds, from 0.1 ms to 80 s; what is above is in one bucket more.
BOUNDS = tuple(
    {31.5: 30.0, 63.0: 60.0}.get(seconds, seconds)
    for power in range(-4, 2)
    for step in STEPS
    for seconds in (round(step * 10.0**power, 7),)
)
# What Prometheus is given: fewer, as each is a series of its own.
SHOWN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PLACES = tuple(BOUNDS.index(bound) for bound in SHOWN)

Counts = list[int]
Spread = list[tuple[int, int]]  # bucket, and how many


def empty() -> Counts:
    """Nothing in any bucket."""
    return [0] * (len(BOUNDS) + 1)


def spread(times: Iterable[float]) -> Spread:
    """How many of these times, in seconds, belong into which buckets."""
    # To sort many costs less than to look a place up for each.
    ordered, found, done = sorted(times), [], 0
    while done < len(ordered):
        at = bisect_left(BOUNDS, ordered[done])
        end = bisect_right(ordered, BOUNDS[at], done) if at < len(BOUNDS) else len(ordered)
        found.append((at, end - done))
        done = end
    return found


def add(counts: Counts, many: Spread) -> None:
    """Count them."""
    for at, count in many:
        counts[at] += count


def total(many: Iterable[Sequence[int]]) -> Counts:
    """The sum of several."""
    return [sum(column) for column in zip(*many, strict=True)] or empty()


def cumulative(counts: Sequence[int]) -> list[tuple[float, int]]:
    """How many are at most each of SHOWN; the last is all, at infinity."""
    sums = list(accumulate(counts))
    shown = [(bound, sums[at]) for bound, at in zip(SHOWN, _PLACES, strict=True)]
    return [*shown, (float("inf"), sums[-1])]


def quantile(counts: Sequence[int], part: float) -> float | None:
    """The time in seconds below which this part is, between 0 and 1; None if nothing is there."""
    all_ = sum(counts)
    if not all_:
        return None
    wanted = part * all_
    for at, count in enumerate(counts[:-1]):
        if count and wanted <= count:
            low = BOUNDS[at - 1] if at else 0.0
            return low + (BOUNDS[at] - low) * wanted / count
        wanted -= count
    return BOUNDS[-1]
