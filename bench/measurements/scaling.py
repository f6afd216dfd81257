"""The signal to scale by, beside two that are common, in a simulation."""

import random
from itertools import product
from math import log

from bench.console import say
from bench.markdown import Cell, table
from bench.measurements.elastic import (
    LEAST,
    MOST,
    SLOTS,
    START_SECONDS,
    USAGE,
    WAITING,
    Autoscaler,
    Course,
    Simulation,
    queue_length,
    slots_wanted,
    usage,
)
from bench.plan import Plan
from bench.samples import Record, Samples, percentile
from prack_grpc.telemetry.scale import TARGET_WAIT

ABOUT = "a simulated fleet of 2 to 20 workers under three signals to scale by: p95 of the wait"
QUICK = Plan(rounds=1, seconds=0, contenders=())
FULL = Plan(rounds=3, seconds=0, contenders=(), full=True)
RUN_SECONDS = 1.0

LOW, HIGH = 15.0, 150.0  # requests a second
MEAN_SECONDS = 0.2  # for which each holds its slot
SPREAD = 1.2  # of the logarithm, of heavy-tailed times: one in a hundred is longer than 1.6 s
RISE, FALL, REST = 300.0, 1200.0, 2400.0  # when the load begins to grow, and to fall, and the end
RAMP_SECONDS = 900.0
SLICE_SECONDS = 5  # for which a p95 is looked at alone


def step(at: float) -> float:
    """Ten times the load from one moment to the next, for a quarter of an hour."""
    return HIGH if RISE <= at < FALL else LOW


def ramp(at: float) -> float:
    """Ten times the load, in the course of a quarter of an hour, and as slowly back."""
    up, down = (at - RISE) / RAMP_SECONDS, (REST - at) / RAMP_SECONDS
    return LOW + (HIGH - LOW) * max(0.0, min(up, down, 1.0))


def constant(_: random.Random) -> float:
    """The same for each request."""
    return MEAN_SECONDS


def exponential(rng: random.Random) -> float:
    """Memoryless."""
    return rng.expovariate(1 / MEAN_SECONDS)


def heavy_tailed(rng: random.Random) -> float:
    """Lognormal: most are short, and a few are very long."""
    return rng.lognormvariate(log(MEAN_SECONDS) - SPREAD**2 / 2, SPREAD)


# The load, and the seconds that it is looked at: until the fleet has had the time to shrink.
LOADS = {"step": (step, REST), "ramp": (ramp, REST + 600)}
WORKS = {"constant": constant, "exponential": exponential, "heavy-tailed": heavy_tailed}
USUAL, QUICKER = Autoscaler(poll=15, window=300), Autoscaler(poll=5, window=60)
SCALED = {
    "slots_wanted": (slots_wanted, USUAL),
    "slots_wanted, quicker": (slots_wanted, QUICKER),
    "usage": (usage, USUAL),
    "queue length": (queue_length, USUAL),
}

TEXT = f"""\
### Scaling

A simulation, with nothing of Prack in it but its signal. A fleet of {LEAST} to {MOST} workers with
{SLOTS} slots each serves {LOW:g} requests a second that hold a slot for {MEAN_SECONDS} s on
average, then {HIGH:g}: at once for 15 minutes (step), or within 15 minutes and back (ramp). A new
worker takes its first request {START_SECONDS:g} s after it was ordered. The autoscaler does as that
of Kubernetes by default: every {USUAL.poll:g} s it grows to what the signal wants, or shrinks to
the most that it wanted in the last {USUAL.window:g} s. `quicker` is every {QUICKER.poll:g} s, and
{QUICKER.window:g} s. `slots_wanted` is Prack's signal for a wait of {TARGET_WAIT} s. `usage` wants
{USAGE:.0%} of the slots to be busy, as one scales by CPU. `queue length` wants a worker for every
{WAITING} requests that wait.

`p95` and `longest` are waits of all requests, in seconds; `late` is the part of them that waited
longer than the target. `over` counts the seconds in which the p95 of {SLICE_SECONDS} s was above
the target: after a step nothing helps until new workers are here. `turns` counts how often growing
turned into shrinking or back: 1 is the least, and what is above it is flapping. `most`, `last` and
`mean` are workers. Of several rounds each figure is the worst.
"""
FIELDS = ("p95", "late", "over", "longest", "turns", "most", "last", "mean")
HEAD = ("load, work: signal", "p95", "late, %", "over, s", *FIELDS[3:])


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.rounds * len(LOADS) * len(WORKS) * len(SCALED) * RUN_SECONDS


def run(plan: Plan) -> Samples:
    """Each round has arrivals and work of its own, the same for all signals."""
    samples = Samples()
    for load in LOADS:
        for work in WORKS:
            for signal in SCALED:
                for number in range(plan.rounds):
                    found = _figures(simulate(load, work, signal, number), LOADS[load][1])
                    samples.add(load=load, work=work, signal=signal, round=number, **found)
                    say(f"{load} {work:12s} {signal:21s} p95 {found['p95']:6.2f} s")
    return samples


def simulate(load: str, work: str, signal: str, seed: int) -> Course:
    """By the names of the tables above."""
    return Simulation(*LOADS[load], WORKS[work], *SCALED[signal], seed).run()


def _figures(course: Course, seconds: float) -> Record:
    return {
        "p95": percentile(course.waits, 95),
        "late": sum(wait > TARGET_WAIT for wait in course.waits) / len(course.waits) * 100,
        "over": over(course),
        "longest": max(course.waits),
        "turns": course.turns(),
        "most": max(count for _, count in course.workers),
        "last": course.workers[-1][1],
        "mean": course.mean_workers(seconds),
    }


def over(course: Course) -> int:
    """Seconds in which the target was missed."""
    slices: dict[int, list[float]] = {}
    for at, wait in zip(course.arrivals, course.waits, strict=True):
        slices.setdefault(int(at / SLICE_SECONDS), []).append(wait)
    missed = sum(percentile(waits, 95) > TARGET_WAIT for waits in slices.values())
    return missed * SLICE_SECONDS


def report(samples: Samples) -> str:
    """One table."""
    kinds = product(*(samples.values(field) for field in ("load", "work", "signal")))
    return f"{TEXT}\n{table(HEAD, [_row(samples, *kind) for kind in kinds])}"


def _row(samples: Samples, load: str, work: str, signal: str) -> list[Cell]:
    of_kind = samples.of(load=load, work=work, signal=signal)
    return [f"{load}, {work}: {signal}", *(max(of_kind.all(field)) for field in FIELDS)]
