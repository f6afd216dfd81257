"""Open-loop load: requests come when they come, however slow the answers are.

Latency counts from the moment at which a request was meant to be sent (Tene, "How not to measure
latency": coordinated omission), so a client that is late, or a connection that must first be
opened, makes it longer.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from bench.client import Broken, Pool, get

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Arrival:
    """A request to come: seconds after the start, and what it asks for."""

    at: float
    target: str = "/"


@dataclass
class Outcome:
    """Latencies in milliseconds, in no order, and the number of requests without a 200."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0


def poisson(rate: float, seconds: float, seed: int) -> list[Arrival]:
    """Independent arrivals, on average `rate` a second; the same for the same seed."""
    rng = random.Random(seed)
    arrivals, at = [], rng.expovariate(rate)
    while at < seconds:
        arrivals.append(Arrival(at))
        at += rng.expovariate(rate)
    return arrivals


async def play(port: int, arrivals: Sequence[Arrival]) -> Outcome:
    """Send the requests at their times, and wait for the last answer."""
    outcome, pool = Outcome(), Pool(port)
    start = monotonic()
    async with asyncio.TaskGroup() as tasks:
        for arrival in arrivals:
            due = start + arrival.at
            # Again and again, because the timers of the loop may be a millisecond early.
            while (early := due - monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(early)
            tasks.create_task(_one(pool, arrival, due, outcome))
    pool.close()
    return outcome


async def _one(pool: Pool, arrival: Arrival, due: float, outcome: Outcome) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status, _ = await pool.ask(get(arrival.target))
    except (Broken, OSError):  # TimeoutError is one
        status = 0
    if status == 200:
        outcome.latencies.append((monotonic() - due) * 1000)
    else:
        outcome.errors += 1
