"""Gateways on many machines, more than can be run here, in a simulation.

`python -m bench.lending --help` simulates other sizes.
"""

from bench.lending.world import MEAN, ONE_WAY, Case
from bench.measurements.lending import simulated, worst
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "a simulation of 16 machines with 8 processes each: p99, messages, what fails first"
QUICK = Plan(rounds=1, seconds=0, contenders=())
FULL = Plan(rounds=1, seconds=0, contenders=(), full=True)
SECONDS_A_REQUEST = 0.0002

MACHINES, PROCESSES, WORKERS, SLOTS = 16, 8, 1000, 4
GATEWAYS = MACHINES * PROCESSES
RATE = 100_000  # requests a second that are aimed at
REQUESTS = 100_000
ALL = WORKERS * SLOTS / MEAN  # requests a second that all workers together can serve
SKEW = 0.05  # of the requests, for one gateway of 128
CASES = [
    Case(GATEWAYS, WORKERS, SLOTS, rate / ALL, skew, REQUESTS)
    for rate, skew in ((RATE, 0.0), (RATE, SKEW), (115_000, 0.0), (130_000, 0.0), (147_000, 0.0))
]

TEXT = f"""\
### Cluster

A simulation in virtual time, as that of lending: the real core of {MACHINES} machines with
{PROCESSES} gateways each, and {WORKERS:,} workers with {SLOTS} slots, which can serve {ALL:,.0f}
requests/s. Clients come to all gateways alike, or {SKEW:.0%} of them all to one (skewed). Of each
load there are {REQUESTS:,} requests. A message takes {ONE_WAY * 1000:g} ms. `one queue` is what a
single gateway with all workers and no costs would reach, and `wait` is the p99 without the time in
which a worker is busy with the request. `messages` go over links for each request, and `busiest` is
what the gateway with the most of them sends and gets in a second. `refused` counts the requests
whose slot was there no more. Of several rounds each figure is the worst.
"""
HEAD = (
    "requests/s, load",
    "one queue p99, ms",
    "p99, ms",
    "ratio",
    "one queue wait, ms",
    "wait, ms",
    "relayed",
    "messages",
    "busiest, messages/s",
    "refused",
)
FIELDS = ("one", "p99", "ratio", "one_wait", "wait", "relayed", "messages", "busiest", "refused")


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.rounds * len(CASES) * REQUESTS * SECONDS_A_REQUEST


def run(plan: Plan) -> Samples:
    """See lending.simulated."""
    return simulated(plan, {name(case): case for case in CASES})


def name(case: Case) -> str:
    """As the report has it."""
    rate = f"{case.rate:,.0f}, {case.load:.0%}"
    return f"{rate}, skewed" if case.skew else rate


def report(samples: Samples) -> str:
    """One table."""
    return f"{TEXT}\n{worst(samples, HEAD, FIELDS)}"
