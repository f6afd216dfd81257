"""How long the turns of a gateway's event loop were (see attack.gateway)."""

import json
import signal
from collections import Counter
from dataclasses import dataclass, field

from tests.acceptance.processes import Gateway

MARK = "turns: "
TENTH = 0.0001


@dataclass
class Turns:
    """How many took so many tenths of a millisecond of CPU time."""

    counts: Counter[int] = field(default_factory=Counter)

    @property
    def p99(self) -> float:
        """Seconds that one in a hundred took longer than."""
        turns = sorted(self.counts.elements())
        return TENTH * turns[len(turns) * 99 // 100]

    @property
    def longest(self) -> float:
        """Seconds."""
        return TENTH * max(self.counts)


def told(gateway: Gateway) -> Counter[int]:
    """Those since it was asked last."""
    number = sum(line.startswith(MARK) for line in gateway.lines) + 1
    gateway.send(signal.SIGUSR2)
    counts = json.loads(gateway.line(f"^{MARK}(.*)", number)[1])
    return Counter({int(tenths): count for tenths, count in counts.items()})
