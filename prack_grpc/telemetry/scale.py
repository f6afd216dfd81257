"""How many slots a route or a service wants, so that requests hardly ever wait beyond a target.

All that is used is what the queue measures: how many requests come, how long they hold a slot, how
many wait and how many are held. How many slots there are is not: a signal that looks at what it
has brought about chases itself.
"""

import math
from bisect import bisect_left

# Seconds that requests are to wait at most, unless somebody asks for another target.
TARGET_WAIT = 0.2
# The share of requests that may wait longer in the long run. The rest of the 5 % that a p95 allows
# is for the times in which new workers start.
LATE = 0.01
# More may come until new workers are here: so much more is expected.
HEADROOM = 1.25
# How far ahead it looks: until the autoscaler has looked, and new workers have started.
AHEAD_SECONDS = 60.0
# How soon a backlog is to be gone once its slots are there. In the target itself it would take
# fifty times as many, for a moment.
DRAIN_SECONDS = 10.0
# Time constants of what fades, in seconds: arrivals when they grow, and otherwise; how long a slot
# is held, which changes less often, and whose mean needs more requests than their rate.
FAST_SECONDS, SLOW_SECONDS, HOLD_SECONDS = 5.0, 60.0, 60.0
# Arrivals grow when they are so many standard deviations more than expected. Of counts that fade it
# is less than their root, so this is nearly three.
DEVIATIONS = 2.0
# A route to which nothing has come for so long needs no slot.
IDLE_SECONDS = 60.0


def slots_wanted(rate: float, hold: float, waiting: int, busy: int, wait: float) -> int:
    """Slots with which requests hardly ever wait longer than `wait` seconds.

    `rate` requests come a second, and each holds a slot for `hold` seconds, on average; `waiting`
    have no slot yet, `busy` have one. Never less than `busy`, and one as long as any come or wait.
    """
    load = _load_ahead(rate * HEADROOM, hold, busy)
    steady = _staff(load, hold, wait) if rate * hold > 0 else 0
    backlog = waiting * min(1.0, hold / max(wait, DRAIN_SECONDS))
    return max(math.ceil(steady + backlog), busy, int(rate > 0 or waiting > 0))


def _load_ahead(rate: float, hold: float, busy: int) -> float:
    """The mean number of slots that will be busy, if nobody has to wait (M/M/inf).

    It is that of Little's law, `rate * hold`, unless slots are held for longer than it looks ahead:
    of WebSockets there will be those that are here, and those that come until then.
    """
    still_held = math.exp(-AHEAD_SECONDS / hold) if hold else 0.0
    return busy * still_held + rate * hold * (1 - still_held)


def _staff(load: float, hold: float, wait: float) -> int:
    """The fewest slots with which no more than `LATE` of the requests wait longer than `wait`.

    `load` is the mean number of slots that are busy.
    """
    fewest = math.floor(load) + 1
    enough = fewest + math.ceil(3 * math.sqrt(load))  # hardly anybody has to wait at all

    def few_are_late(slots: int) -> bool:
        return _late(slots, load, hold, wait) <= LATE

    return bisect_left(range(enough), True, fewest, key=few_are_late)


def _late(slots: int, load: float, hold: float, wait: float) -> float:
    """The share of requests that wait longer than `wait`, for random arrivals and holding times.

    Halfin and Whitt 1981: of those that have to wait (Erlang C, for which this is the normal
    approximation), the wait is exponential.
    """
    spare = slots - load
    beta = spare / math.sqrt(load)
    density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
    below = math.erfc(-beta / math.sqrt(2)) / 2
    delayed = density / (density + beta * below)
    return delayed * math.exp(-spare * wait / hold)


class Demand:
    """What a route or a service was seen to need, from figures that are observed once a second.

    All sums fade, so that its size is fixed. Arrivals are followed fast when more come than chance
    explains, and otherwise slowly: neither chance nor a lull starts or stops workers.
    """

    __slots__ = (
        "_arrived",
        "_busy",
        "_counters",
        "_expected_rate",
        "_finished",
        "_finished_lately",
        "_held_seconds",
        "_last_arrival",
        "_now",
        "_seconds",
        "_waiting",
    )

    def __init__(self) -> None:
        self._now: float | None = None
        self._counters = (0, 0)
        self._waiting = self._busy = 0
        self._last_arrival = 0.0
        # Faded by FAST_SECONDS:
        self._seconds = self._arrived = self._finished_lately = 0.0
        # Faded by HOLD_SECONDS:
        self._held_seconds = self._finished = 0.0
        self._expected_rate = 0.0

    def observe(self, now: float, arrived: int, finished: int, waiting: int, busy: int) -> None:
        """Figures of this moment; to be called once a second, more or less.

        `now` is in seconds of a clock that never goes back. `arrived` counts the requests that
        came, those among them that were refused because the queue was full; `finished` counts the
        slots that became free. Both only grow, and may start again from 0. `waiting` requests have
        no slot, `busy` have one. The first call says only from where to count.
        """
        before, self._now = self._now, now
        counts = self._count(arrived, finished)
        self._waiting, self._busy = waiting, busy
        if before is None:
            self._last_arrival = now
        elif now > before:
            self._follow(now, now - before, *counts)

    def _count(self, arrived: int, finished: int) -> tuple[int, int]:
        """How many since the last call."""
        (before, before_finished), self._counters = self._counters, (arrived, finished)
        return _growth(before, arrived), _growth(before_finished, finished)

    def _follow(self, now: float, seconds: float, arrived: int, finished: int) -> None:
        kept = math.exp(-seconds / FAST_SECONDS)
        self._seconds = max(self._seconds * kept + seconds, 1.0)  # less says nothing of a rate
        self._arrived = self._arrived * kept + arrived
        self._finished_lately = self._finished_lately * kept + finished
        if self._busy or finished:  # what an idle route once took is what it will take
            kept = math.exp(-seconds / HOLD_SECONDS)
            self._held_seconds = self._held_seconds * kept + self._busy * seconds
            self._finished = self._finished * kept + finished
        if arrived:
            self._last_arrival = now
        elif now - self._last_arrival >= IDLE_SECONDS:
            self._arrived = self._expected_rate = 0.0
        self._expected_rate = self._expect(seconds)

    def _expect(self, seconds: float) -> float:
        """The rate to be ready for, `seconds` after the last."""
        rate, expected = self.arrival_rate, self._expected_rate
        chance = DEVIATIONS * math.sqrt(self._arrived) / self._seconds
        if rate > expected + chance:
            return rate
        return rate + (expected - rate) * math.exp(-seconds / SLOW_SECONDS)

    @property
    def arrival_rate(self) -> float:
        """Requests that come a second."""
        return self._arrived / self._seconds if self._seconds else 0.0

    @property
    def expected_rate(self) -> float:
        """Requests a second that slots are wanted for, before any headroom."""
        return self._expected_rate

    @property
    def service_rate(self) -> float:
        """Requests a second that give their slot back."""
        return self._finished_lately / self._seconds if self._seconds else 0.0

    @property
    def service_seconds(self) -> float | None:
        """Mean seconds that a request holds a slot: Little's law, busy slots by their throughput.

        While none has ended it is as long as they have been seen to take; None before the first.
        """
        seen = self._held_seconds or self._finished
        return self._held_seconds / max(self._finished, 1.0) if seen else None

    def wanted(self, wait: float = TARGET_WAIT) -> int:
        """Slots with which requests hardly ever wait longer than `wait` seconds, 0 or more."""
        hold = self.service_seconds or 0.0
        return slots_wanted(self._expected_rate, hold, self._waiting, self._busy, wait)


def _growth(before: int, after: int) -> int:
    """Of a counter that may have started again."""
    return after - before if after >= before else after
