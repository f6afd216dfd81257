"""A fleet that grows and shrinks, in virtual time: what an autoscaler makes of a signal.

The fleet is as Prack's: one queue, served oldest first by whoever has a free slot. The autoscaler
is as Kubernetes' HorizontalPodAutoscaler, which KEDA uses, too: it looks at its signal now and
then, grows at once, and shrinks to the most that it wanted within a window.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from statistics import mean

from prack_grpc.telemetry.scale import TARGET_WAIT, Demand

LEAST, MOST = 2, 20  # workers
SLOTS = 4  # of each
START_SECONDS = 10.0  # until a new worker takes its first request
TOLERANCE = 0.1  # the autoscaler ignores a change by less than this part
USAGE_SECONDS = 15  # over which the use of the slots is averaged
USAGE = 0.7
WAITING = 5  # requests for each worker

# Requests a second, at this second.
Load = Callable[[float], float]
# Draws the seconds for which a request holds its slot.
Work = Callable[[random.Random], float]


@dataclass(frozen=True)
class Autoscaler:
    """Seconds between two looks at the signal, and the length of the window that it shrinks by."""

    poll: float
    window: float


class Fleet:
    """The workers that are here, and what the gateway knows of them. All slots are alike."""

    def __init__(self) -> None:
        self.waiting: deque[float] = deque()  # when each came
        self.slots, self.busy, self._leaving = LEAST * SLOTS, 0, 0
        self.usage: deque[int] = deque([0], maxlen=USAGE_SECONDS)
        self.demand = Demand()
        self._arrived = self._finished = 0

    def observe(self, now: float) -> None:
        """What the books do once a second."""
        self.usage.append(self.busy)
        self.demand.observe(now, self._arrived, self._finished, len(self.waiting), self.busy)

    def arrive(self, now: float) -> None:
        """A request comes, and waits."""
        self._arrived += 1
        self.waiting.append(now)

    def hand_out(self) -> float | None:
        """When the oldest request came that now has a slot; None if there is none, or no slot."""
        if not self.waiting or self.busy >= self.slots:
            return None
        self.busy += 1
        return self.waiting.popleft()

    def finish(self) -> None:
        """A request has ended."""
        self.busy -= 1
        self._finished += 1
        self.resize(0)

    def resize(self, slots: int) -> None:
        """So many join, or drain: free ones leave at once, others when their request has ended."""
        self.slots += max(slots, 0)
        self._leaving -= min(slots, 0)
        gone = min(self._leaving, self.slots - self.busy)
        self.slots -= gone
        self._leaving -= gone


# How many workers the fleet needs, for all that this signal knows.
Signal = Callable[[Fleet], float]


def slots_wanted(fleet: Fleet) -> float:
    """Prack's."""
    return fleet.demand.wanted(TARGET_WAIT) / SLOTS


def usage(fleet: Fleet) -> float:
    """As many as would be used to 70 %: what one does with CPU."""
    return mean(fleet.usage) / SLOTS / USAGE


def queue_length(fleet: Fleet) -> float:
    """One for each five requests that wait."""
    return len(fleet.waiting) / WAITING


@dataclass
class Course:
    """What happened: when each request came and how long it waited; how many workers from when."""

    arrivals: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    workers: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, LEAST)])

    def mean_workers(self, end: float) -> float:
        """Those that start and those that are about to leave are counted from and to the order."""
        ends = [*(at for at, _ in self.workers[1:]), end]
        steps = zip(self.workers, ends, strict=True)
        return sum(count * (until - at) for (at, count), until in steps) / end

    def turns(self) -> int:
        """How often growing turned into shrinking, or the other way round."""
        counts = [count for _, count in self.workers]
        grew = [after > before for before, after in pairwise(counts)]
        return sum(before != after for before, after in pairwise(grew))


class Simulation:
    """One load for so many seconds, one kind of work, one signal. The same for the same seed."""

    def __init__(
        self, load: Load, seconds: float, work: Work, signal: Signal, scaler: Autoscaler, seed: int
    ) -> None:
        self._load, self._end, self._work = load, seconds, work
        self._signal, self._scaler = signal, scaler
        self._arriving, self._working = (random.Random(f"{of} {seed}") for of in ("load", "work"))
        self.fleet, self._course, self._workers = Fleet(), Course(), LEAST
        looks = max(1, round(scaler.window / scaler.poll))
        self._advice: deque[int] = deque([LEAST], maxlen=looks)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0  # tells events of the same moment apart

    def run(self) -> Course:
        """Play until nothing comes any more, and nothing waits."""
        self._at(1.0, self._observe)
        self._at(self._scaler.poll, self._look)
        self._at(self._arriving.expovariate(self._load(0.0)), self._arrive)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        return self._course

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, event))

    def _observe(self, now: float) -> None:
        self.fleet.observe(now)
        if now < self._end:
            self._at(now + 1.0, self._observe)

    def _arrive(self, now: float) -> None:
        if now < self._end:
            self.fleet.arrive(now)
            self._at(now + self._arriving.expovariate(self._load(now)), self._arrive)
            self._hand_out(now)

    def _hand_out(self, now: float) -> None:
        while (came := self.fleet.hand_out()) is not None:
            self._course.arrivals.append(came)
            self._course.waits.append(now - came)
            self._at(now + self._work(self._working), self._finish)

    def _finish(self, now: float) -> None:
        self.fleet.finish()
        self._hand_out(now)

    def _look(self, now: float) -> None:
        """One step of the autoscaler."""
        asked = self._signal(self.fleet)
        same = abs(asked / self._workers - 1) <= TOLERANCE
        self._advice.append(self._workers if same else min(MOST, max(LEAST, ceil(asked))))
        # Up to the latest advice at once, down to the highest one of the window.
        wanted = max(self._advice[-1], min(self._workers, max(self._advice)))
        if wanted != self._workers:
            self._resize(now, wanted)
        if now < self._end:
            self._at(now + self._scaler.poll, self._look)

    def _resize(self, now: float, workers: int) -> None:
        slots, self._workers = (workers - self._workers) * SLOTS, workers
        self._course.workers.append((now, workers))
        if slots < 0:
            self.fleet.resize(slots)
        else:
            self._at(now + START_SECONDS, lambda then: self._join(then, slots))

    def _join(self, now: float, slots: int) -> None:
        self.fleet.resize(slots)
        self._hand_out(now)
