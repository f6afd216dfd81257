"""The pull advantage: what a few slow requests do to all others."""

import asyncio
import math
from statistics import mean, median
from time import sleep

from bench import plot
from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import table
from bench.measurements.queueing import (
    CANDIDATES,
    CAPACITY,
    LONG_MS,
    LONG_RUN_SECONDS,
    SERVERS,
    SHORT_MS,
    SIMULATIONS,
    Job,
    jobs,
    typical,
)
from bench.open_loop import Arrival, play
from bench.plan import Plan
from bench.samples import Record, Samples, percentile

ABOUT = "four one-slot servers, one request in ten is slow: p99 under load (the headline)"
QUICK = Plan(rounds=1, seconds=20, contenders=("nginx", "nginx-least", "prack", "prack-two"))
FULL = Plan(
    rounds=3,
    seconds=14,
    contenders=(
        "nginx",
        "nginx-least",
        "haproxy",
        "haproxy-queue",
        "caddy",
        "traefik",
        "cranker",
        "prack",
        "prack-grpc",
        "prack-rest",
    ),
    full=True,
)
FIELDS = ("mean", "p99")
PLOTTED = 0.7
LOADS = (0.7, 0.85)
BASELINE = "nginx"
# What nearest says what each contender could reach at best; of the others that is a single queue.
ROUND, LEAST, SINGLE = SIMULATIONS
MODELS = {
    "nginx": ROUND,
    "nginx-least": LEAST,
    "haproxy": LEAST,
    "caddy": LEAST,
    "traefik": LEAST,
    "cranker": ROUND,
}
SETTLE_SECONDS = 1.0
# So few requests leave the machine idle most of the time. More contenders at a time would lengthen
# the service of each other's requests, and with it every queue.
SIDE_BY_SIDE = 2
APART_SECONDS = 0.3  # so that the same request does not come to both at one moment
LAST_SECONDS = 1.0  # until the last request of a sample is answered, mostly
CURVES = ("nginx", "nginx-least", "haproxy-queue", "traefik", "cranker", "prack", "prack-grpc")
CURVE = (1, *range(5, 95, 5), 95, 96, 97, 98, 99, 99.5, 99.9)

TEXT = f"""\
### Tail

{SERVERS} servers that each serve one request at a time. Nine requests in ten take {SHORT_MS} ms,
one takes {LONG_MS} ms, so {CAPACITY:.0f} requests/s are all that they can do. Requests come at
random (Poisson), however late the answers are, and latency (in ms) counts from the moment at which
a request was due. In each round everybody gets the same requests, two contenders at a time: they
leave the machine idle most of the time. Those of a round are, among {CANDIDATES} random sequences,
those with which simulated round robin, least connections and a single queue do most nearly what
they do in a long run. `model` is what the simulation of just these requests gives for the p99,
without any cost of network and software: of round robin for nginx and Cranker, of least connections
for nginx-least, HAProxy, Caddy and Traefik, of a single queue for the others.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    groups = math.ceil(len(plan.contenders) / SIDE_BY_SIDE)
    more = SETTLE_SECONDS + SIDE_BY_SIDE * APART_SECONDS + LAST_SECONDS
    return plan.duration(len(LOADS) * groups / len(plan.contenders), more)


def run(plan: Plan) -> Samples:
    """Loads are parts of the capacity, latencies milliseconds."""
    samples = Samples()
    with plan.started(Setup("one-slot", copies=SERVERS, slots=1)) as found:
        for load in LOADS:
            work = typical(load, plan.seconds, plan.rounds)
            for number, some in plan.groups(found, SIDE_BY_SIDE):
                sleep(SETTLE_SECONDS)
                run_loop(_play(samples, some, load, number, work[number]))
    for load in LOADS:
        long_run = jobs(load, LONG_RUN_SECONDS, 0)
        for name, simulate in SIMULATIONS.items():
            samples.add(simulation=name, load=load, **_summary(simulate(long_run)))
    return samples


async def _play(
    samples: Samples, some: list[Running], load: float, number: int, work: list[Job]
) -> None:
    playing = (_sample(one, work, place * APART_SECONDS) for place, one in enumerate(some))
    for one, record in zip(some, await asyncio.gather(*playing), strict=True):
        samples.add(contender=one.name, load=load, round=number, **record)
        p99, model = record["p99"], record["model"]
        say(f"{load:.0%} {one.name:16s} p99 {p99:7.0f} ms, model {model:7.0f} ms")


async def _sample(one: Running, work: list[Job], delay: float) -> Record:
    await asyncio.sleep(delay)
    arrivals = [Arrival(at, f"/?ms={takes * 1000:.0f}") for at, takes in work]
    outcome = await play(one.port, arrivals)
    model = percentile(SIMULATIONS[MODELS.get(one.name, SINGLE)](work), 99)
    return {**_summary(outcome.latencies), "model": model, "errors": outcome.errors}


def _summary(latencies: list[float]) -> Record:
    curve = [percentile(latencies, percent) for percent in CURVE]
    p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
    return {"mean": mean(latencies or [math.inf]), "p50": p50, "p99": p99, "curve": curve}


def report(samples: Samples) -> str:
    """A table for each load, and what the simulation says of a long run."""
    loads = samples.of(round=0).values("load")
    tables = [f"{load:.0%} of the capacity:\n\n{_table(samples, load)}" for load in loads]
    return "\n".join([TEXT, *tables, "A simulation of a long run:\n", _simulated(samples)])


def _table(samples: Samples, load: float) -> str:
    head = ("contender", "mean", "p50", "p99", f"p99 of {BASELINE}", "p99 of model", "errors")
    rows = []
    for name in samples.of(load=load).values("contender"):
        mine = {"contender": name, "load": load}
        medians = [samples.median(field, **mine) for field in ("mean", "p50", "p99")]
        ratio = samples.ratio("p99", mine, {**mine, "contender": BASELINE})
        model = [one["p99"] / one["model"] for one in samples.of(**mine).records]
        errors = sum(samples.all("errors", **mine))
        rows.append((name, *medians, ratio, median(model), errors))
    return table(head, rows)


def _simulated(samples: Samples) -> str:
    head = ["discipline", *(f"{what}, {load:.0%}" for load in LOADS for what in ("mean", "p99"))]
    rows = [
        (name, *(samples.median(of, simulation=name, load=load) for load in LOADS for of in FIELDS))
        for name in SIMULATIONS
    ]
    return table(head, rows)


def plots(samples: Samples) -> dict[str, str]:
    """p99 at each load, and the distribution at 70 %."""
    p99 = {f"{load:.0%}": samples.of(load=load).medians("p99") for load in LOADS}
    curves = {name: _curve(samples.of(contender=name, load=PLOTTED)) for name in CURVES}
    return {
        "tail": plot.bars("p99 under load", "ms", p99),
        "tail-cdf": plot.lines(
            f"Latency at {PLOTTED:.0%} of the capacity", "ms", "% of requests", curves, log_x=True
        ),
    }


def _curve(samples: Samples) -> list[plot.Point]:
    columns = zip(*(one["curve"] for one in samples.records), strict=True)
    return [(median(column), percent) for percent, column in zip(CURVE, columns, strict=False)]
