"""What clients, workers, the gateway and the chaos have written down, brought together."""

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from soak.faults import Fault
from soak.fleet import Kind
from soak.gauges import Gauges
from soak.journal import State, Visit
from soak.outcomes import Outcome

# Both kinds of workers put their process id there.
NAME = re.compile(r"-(\d+)-[0-9a-f]{8}$")
# No request waits longer than that for a worker while the fleet is up.
QUEUED_SECONDS = 60.0
# How long a fault that is over may still cost requests: a poll whose worker has given it up in the
# dark is found dead when it is answered, or when its wait is over.
LATE_SECONDS = 10.0
Line = dict[str, Any]


@dataclass
class History:
    """Indexed by nonce: one look at each event is enough.

    `complaints` are faults of the soak's own processes, in words; `kinds` tells what each worker
    is, by process id.
    """

    outcomes: list[Outcome]
    faults: list[Fault]
    gauges: Gauges
    kinds: dict[int, Kind]
    strays: list[bytes] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    visits: dict[str, list[Visit]] = field(default_factory=lambda: defaultdict(list))
    lines: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))

    def add_visits(self, visits: Iterable[Visit]) -> None:
        """What one worker has written."""
        for visit in visits:
            self.visits[visit.nonce].append(visit)

    def add_lines(self, lines: Iterable[Line]) -> None:
        """The access log of the gateway."""
        for line in lines:
            self.lines[line["target"][1:].partition("?")[0]].append(line)

    def index(self) -> None:
        """When all is there."""
        self.outcomes.sort(key=lambda outcome: outcome.sent)
        self._sent = [outcome.sent for outcome in self.outcomes]
        self._harm: dict[int, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            for pid in fault.pids if fault.harmful else ():
                self._harm[pid].append(fault)

    def save(self, folder: Path) -> None:
        """As lines of JSON, for whoever wants to look closer."""
        tables: dict[str, Sequence[Any]] = {
            "requests": self.outcomes,
            "faults": self.faults,
            "samples": self.gauges.samples,
        }
        for name, rows in tables.items():
            lines = (json.dumps(asdict(row)) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text("".join(lines))

    def holders(self, outcome: Outcome) -> set[int]:
        """The workers that had this request, as far as anybody knows."""
        nonce = outcome.order.nonce
        names = [NAME.search(line.get("worker") or "") for line in self.lines[nonce]]
        return {visit.pid for visit in self.visits[nonce]} | {int(n[1]) for n in names if n}

    def attempts(self, outcome: Outcome) -> int:
        """How often it was handed out, whether the last worker has begun it or not."""
        nonce = outcome.order.nonce
        told = [line.get("attempt", 0) for line in self.lines[nonce]]
        return max([*told, *(visit.attempt for visit in self.visits[nonce])], default=0)

    def causes(self, outcome: Outcome) -> list[Fault]:
        """The faults that may have cost this request its answer."""
        if self.unseen(outcome):
            return [one for one in self.faults if one.harmful and _meets(outcome, one)]
        between = [one for one in self.faults if one.harmful and not one.pids]
        found = [fault for pid in self.holders(outcome) for fault in self._harm[pid]]
        return [one for one in found + between if _meets(outcome, one, LATE_SECONDS)]

    def during(self, outcome: Outcome, kinds: Sequence[str]) -> list[Fault]:
        """The faults of these kinds that this request lived through, wherever they struck."""
        return [one for one in self.faults if one.kind in kinds and _meets(outcome, one)]

    def unseen(self, outcome: Outcome) -> bool:
        """It was last handed to a worker of another gateway, which has not begun it.

        So nobody but that gateway knows which one it was.
        """
        nonce = outcome.order.nonce
        begun = max((visit.attempt for visit in self.visits[nonce]), default=0)
        return any(
            line.get("worker") and not NAME.search(line["worker"]) and line["attempt"] > begun
            for line in self.lines[nonce]
        )

    def abandoned(self, outcome: Outcome) -> bool:
        """Its gateway was killed while it was there, or was not there when it came."""
        return any(
            fault.gateway == outcome.gateway and _meets(outcome, fault) for fault in self.faults
        )

    def struck(self, fault: Fault) -> Counter[State]:
        """How many requests were where when this fault began."""
        first = bisect_left(self._sent, fault.begun - QUEUED_SECONDS)
        last = bisect_right(self._sent, fault.begun)
        return Counter(
            state
            for outcome in self.outcomes[first:last]
            if (state := self._state(outcome, fault)) is not None
        )

    def _state(self, outcome: Outcome, fault: Fault) -> State | None:
        if outcome.ended is not None and outcome.ended <= fault.begun:
            return None
        visits = self.visits[outcome.order.nonce]
        if not any(visit.start <= fault.begun for visit in visits):
            return State.QUEUED
        states = [
            visit.state(fault.begun)
            for visit in visits
            if not fault.pids or visit.pid in fault.pids
        ]
        return next((state for state in states if state), None)


def _meets(outcome: Outcome, fault: Fault, late: float = 0.0) -> bool:
    return outcome.sent <= fault.ended + late and fault.begun <= (outcome.ended or math.inf)
