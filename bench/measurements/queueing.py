"""The tail without any machine: what queueing alone does, in a simulation.

Servers serve one request at a time, oldest first; all that differs is who waits where.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from itertools import count
from math import log
from statistics import mean

from bench.open_loop import poisson
from bench.samples import percentile

SHORT_MS, LONG_MS, LONG_SHARE = 5, 200, 0.1
SERVERS = 4
MEAN_SECONDS = (SHORT_MS * (1 - LONG_SHARE) + LONG_MS * LONG_SHARE) / 1000
CAPACITY = SERVERS / MEAN_SECONDS  # requests a second
LONG_RUN_SECONDS = 2_000
CANDIDATES = 300

# A job: the second at which it comes, and how many seconds it takes.
Job = tuple[float, float]
# Chooses a server, by the number of jobs at each.
Choice = Callable[[list[int]], int]


def jobs(load: float, seconds: float, seed: int) -> list[Job]:
    """Arrivals at `load`, a part of the capacity; the same for the same seed."""
    rng = random.Random(f"service {seed}")
    arrivals = poisson(load * CAPACITY, seconds, seed)
    return [
        (arrival.at, (LONG_MS if rng.random() < LONG_SHARE else SHORT_MS) / 1000)
        for arrival in arrivals
    ]


def single_queue(work: Sequence[Job]) -> list[float]:
    """One queue before all servers: the oldest goes to whoever is free. Latencies in ms."""
    free = [0.0] * SERVERS
    latencies = []
    for at, takes in work:
        end = max(at, heapq.heappop(free)) + takes
        heapq.heappush(free, end)
        latencies.append((end - at) * 1000)
    return latencies


def round_robin(work: Sequence[Job]) -> list[float]:
    """Each server in its turn. Latencies in ms."""
    turn = count()
    return _queue_each(work, lambda _: next(turn) % SERVERS)


def least_connections(work: Sequence[Job]) -> list[float]:
    """The server with the fewest jobs, the first of several such in turn. Latencies in ms."""
    turn = count()

    def choose(held: list[int]) -> int:
        first = next(turn)
        return min(range(SERVERS), key=lambda server: (held[server], (server - first) % SERVERS))

    return _queue_each(work, choose)


def _queue_each(work: Sequence[Job], choose: Choice) -> list[float]:
    """A queue before each server."""
    ends: list[list[float]] = [[] for _ in range(SERVERS)]
    latencies = []
    for at, takes in work:
        for held in ends:
            while held and held[0] <= at:
                heapq.heappop(held)
        server = choose([len(held) for held in ends])
        end = max([at, *ends[server]]) + takes
        heapq.heappush(ends[server], end)
        latencies.append((end - at) * 1000)
    return latencies


SIMULATIONS = {
    "round robin": round_robin,
    "least connections": least_connections,
    "single queue": single_queue,
}


def typical(load: float, seconds: float, rounds: int) -> list[list[Job]]:
    """Jobs for each round, with which every discipline does nearly as in a long run.

    In seconds there may be no burst at all, or too many: then the figures would be those of chance.
    """
    wanted = _figures(jobs(load, LONG_RUN_SECONDS, 0))

    def oddity(work: list[Job]) -> float:
        found = _figures(work)
        return max(abs(log(ours / long)) for ours, long in zip(found, wanted, strict=True))

    candidates = (jobs(load, seconds, seed) for seed in range(1, CANDIDATES + 1))
    return sorted(filter(None, candidates), key=oddity)[:rounds]


def _figures(work: list[Job]) -> list[float]:
    """Mean and p99 of each discipline."""
    latencies = [simulate(work) for simulate in SIMULATIONS.values()]
    return [figure for each in latencies for figure in (mean(each), percentile(each, 99))]
