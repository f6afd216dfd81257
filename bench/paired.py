"""What books cost of the CPU, in one process: `python -m bench.paired SECONDS`, without sockets.

Gateways as in `bench.guarded`, with books and without, take turns of some 20 ms in random order.
Those of one round had the same moment of the machine, so each is compared with the others of its
round. There are three of each kind, as it matters where one lies in memory. Two kinds are without
books: by what they differ, the measurement errs.
"""

import gc
import json
import random
import subprocess
import sys
import time
from statistics import median

from bench.client import run
from bench.guarded import LIMITS, TOGETHER, Clients
from bench.processes import ROOT
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import BookLimits
from prack_grpc.process import GC_THRESHOLDS
from prack_grpc.telemetry.books.books import Books

NONE, AGAIN, BOOKS = KINDS = "without", "without too", "books"
EACH = 3
# The caches are another gateway's before; a multiple of 250 requests, which are counted together.
WARM_UP, TURNS = 10, 50
SECOND = 20_000  # requests, after which a busy gateway looks at its books
START_SECONDS = 20  # at most, and for the last round


class Gateway:
    """One with clients, and what it has cost in seconds of CPU for each exchange of a turn."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.books = None if kind != BOOKS else Books(BookLimits(), time.monotonic())
        broker = MemoryBroker(LIMITS)
        self._clients = Clients(broker, broker, self.books)
        self._served = 0

    async def turn(self, turns: int) -> float:
        """Serve, and look at the books when it is time to."""
        began = time.thread_time()
        await self._clients.ask(turns)
        self._served += turns * TOGETHER
        if self.books is not None and self._served >= SECOND:
            self._served = 0
            self.books.turn(time.monotonic())
        return (time.thread_time() - began) / turns / TOGETHER


async def rounds(seconds: float) -> list[dict[str, float]]:
    """The costs of all kinds, round by round."""
    gc.set_threshold(*GC_THRESHOLDS)
    gateways = [Gateway(kind) for kind in KINDS * EACH]
    for one in gateways:
        await one.turn(TURNS)
    end, found = time.monotonic() + seconds, []
    while time.monotonic() < end:
        at = random.randrange(EACH) * len(KINDS)
        taking = gateways[at : at + len(KINDS)]
        random.shuffle(taking)
        costs = {}
        for one in taking:
            await one.turn(WARM_UP)
            costs[one.kind] = await one.turn(TURNS)
        found.append(costs)
    return found


def summary(found: list[dict[str, float]]) -> dict[str, float]:
    """Microseconds of each kind: those without, and as many times more as in the typical round."""
    cost = median(one[NONE] for one in found) * 1e6
    return {kind: cost * median(one[kind] / one[NONE] for one in found) for kind in KINDS}


def measured(seconds: float) -> dict[str, float]:
    """The summary of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.paired", str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=seconds + START_SECONDS,
    )
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


async def main() -> None:
    """Print it as JSON."""
    print(json.dumps(summary(await rounds(float(sys.argv[1])))))


if __name__ == "__main__":
    run(main())
