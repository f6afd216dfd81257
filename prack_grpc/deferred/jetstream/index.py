"""What a gateway knows of all jobs in the bucket, so that it need not ask to see what is due."""

from collections import defaultdict
from dataclasses import dataclass
from heapq import heappop, heappush

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import State
from prack_grpc.deferred.jetstream.record import Record

OPEN = (State.WAITING, State.RUNNING)
Heap = list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Known:
    """The part of a record that decides what is done with it."""

    line: str
    state: State
    created: float
    due: float
    length: int
    taker: str
    revision: int


class Index:
    """The last revision of each that was seen. No call looks at all of those that wait.

    In the heaps is also what was so once; it is left out when it comes to the top.
    """

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._in: dict[State, set[str]] = {state: set() for state in State}
        self._lines: dict[str, Heap] = defaultdict(list)  # those that wait, by when they are due
        self._open: Heap = []  # by when they came
        self.used = 0  # bytes of the bodies of requests that are kept for workers

    def put(self, record: Record) -> None:
        """This is how it is; what is older is ignored."""
        job, before = record.job, self._known.get(record.job.id)
        if before is not None and before.revision >= record.revision:
            return
        self.drop(job.id)
        self._known[job.id] = Known(
            job.line,
            job.state,
            job.created,
            job.due,
            record.length,
            record.taker,
            record.revision,
        )
        self._in[job.state].add(job.id)
        if job.state is not State.ANSWERED:
            self.used += record.length
        if job.state is State.WAITING:
            heappush(self._lines[job.line], (job.due, job.id))
            heappush(self._open, (job.created, job.id))

    def drop(self, id_: str) -> None:
        """It is no more."""
        known = self._known.pop(id_, None)
        if known is not None:
            self._in[known.state].discard(id_)
            if known.state is not State.ANSWERED:
                self.used -= known.length

    def due(self, now: float, most: int, full: frozenset[str]) -> list[str]:
        """Those that may be taken, the oldest first."""
        found: Heap = []
        for line in self._lines.keys() - full:
            found += self._first(self._lines[line], now, most)
        return [id_ for _, id_ in sorted(found)[:most]]

    def _first(self, heap: Heap, now: float, most: int) -> Heap:
        """Of one line. They stay in it: somebody else may take them, or nobody."""
        found: dict[tuple[float, str], None] = {}
        while heap and heap[0][0] <= now and len(found) < most:
            due, id_ = heappop(heap)
            known = self._known.get(id_)
            if known is not None and known.state is State.WAITING and known.due == due:
                found[due, id_] = None
        for one in found:
            heappush(heap, one)
        return list(found)

    def dead(self, most: int) -> list[str]:
        """The dead letters, the newest first."""
        found = sorted(((self._known[id_].due, id_) for id_ in self._in[State.DEAD]), reverse=True)
        return [id_ for _, id_ in found[:most]]

    def answered(self, before: float) -> list[str]:
        """What was answered before this time."""
        return [id_ for id_ in self._in[State.ANSWERED] if self._known[id_].due < before]

    def takers(self) -> dict[str, list[str]]:
        """Who tries what."""
        found: dict[str, list[str]] = defaultdict(list)
        for id_ in self._in[State.RUNNING]:
            found[self._known[id_].taker].append(id_)
        return found

    def counts(self) -> Counts:
        """How many there are."""
        while self._open and not self._is_open(*self._open[0]):
            heappop(self._open)
        oldest = self._open[0][0] if self._open else 0.0
        waiting = sum(len(self._in[state]) for state in OPEN)
        return Counts(waiting, len(self._in[State.DEAD]), oldest)

    def _is_open(self, created: float, id_: str) -> bool:
        known = self._known.get(id_)
        return known is not None and known.state in OPEN and known.created == created
