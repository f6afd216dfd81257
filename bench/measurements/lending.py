"""Gateways that lend each other slots, beside one queue for all, in a simulation.

`python -m bench.lending --help` simulates other sizes.
"""

from collections.abc import Mapping, Sequence
from time import process_time

from bench.console import say
from bench.lending.world import LONG, LONG_SHARE, ONE_WAY, SHORT, Case, World, ideal
from bench.markdown import Cell, table
from bench.plan import Plan
from bench.samples import Record, Samples, percentile

ABOUT = "a simulation of 4 to 16 gateways that lend each other slots: p99 beside one queue"
QUICK = Plan(rounds=1, seconds=0, contenders=())
FULL = Plan(rounds=1, seconds=0, contenders=(), full=True)
SECONDS_A_REQUEST = 0.0001

SIZES = ((4, 8, 4), (8, 16, 2), (16, 32, 1))
SKEW = 0.7
CASES = [Case(*size, load, skew) for load in (0.7, 0.9) for skew in (0.0, SKEW) for size in SIZES]

TEXT = f"""\
### Lending

A simulation in virtual time: the real core of several gateways, without sockets. Workers go round
the gateways, and clients come to any of them, or {SKEW:.0%} of them all to one (skewed).
{1 - LONG_SHARE:.0%} of the requests take {SHORT * 1000:g} ms and the rest {LONG * 1000:g} ms. A
message takes {ONE_WAY * 1000:g} ms. One queue is what a single gateway with all workers and no
costs would reach with the same arrivals. `relayed` is the part of the requests that a worker of
another gateway has answered, `messages` is what goes over links, all of it, for each request, and
`refused` counts the requests whose slot was there no more. Of several rounds each figure is the
worst.

A relayed exchange holds its slot for two ways of a link longer. With 90 % load that shows: 0.5 ms
more for each of 24.5 ms is 2 % more load. `of its queue` is the ratio to one queue that holds each
slot for as much longer as it is here on average: what the rules of lending cost without the ways.
"""
HEAD = (
    "gateways, workers x slots, load",
    "one queue p99, ms",
    "p99, ms",
    "ratio",
    "of its queue",
    "relayed",
    "messages",
    "refused",
)
FIELDS = ("one", "p99", "ratio", "rule", "relayed", "messages", "refused")


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.rounds * sum(case.requests for case in CASES) * SECONDS_A_REQUEST


def run(plan: Plan) -> Samples:
    """See `simulated`."""
    return simulated(plan, {name(case): case for case in CASES})


def simulated(plan: Plan, cases: Mapping[str, Case]) -> Samples:
    """What came of each case, by its name; each round has arrivals of its own."""
    samples = Samples()
    for title, case in cases.items():
        for number in range(plan.rounds):
            found = figures(case.again(number))
            samples.add(case=title, round=number, **found)
            said = f"p99 {found['p99']:4.0f} ms, ratio {found['ratio']:.3f}"
            say(f"{title:45s} {said}, {found['messages']:.2f} messages")
    return samples


def name(case: Case) -> str:
    """As the report has it."""
    size = f"{case.gateways}, {case.workers} x {case.slots}, {case.load:.0%}"
    return f"{size}, skewed" if case.skew else size


def figures(case: Case) -> Record:
    """What came of it; p99 in milliseconds."""
    began = process_time()
    course = World(case).run()
    relayed = course.relayed / case.requests
    alone, late = ideal(case), ideal(case, 2 * case.one_way * relayed)
    one, held, many = (percentile(each.counted, 99) * 1000 for each in (alone, late, course))
    one_wait, wait = (percentile(each.waits(case), 99) * 1000 for each in (alone, course))
    return {
        "one": one,
        "p99": many,
        "ratio": many / one,
        "rule": many / held,
        "one_wait": one_wait,
        "wait": wait,
        "relayed": relayed,
        "messages": course.messages / case.requests,
        "busiest": course.busiest / case.requests * case.rate,
        "refused": course.refused,
        "cpu": process_time() - began,
    }


def report(samples: Samples) -> str:
    """One table."""
    return f"{TEXT}\n{worst(samples, HEAD, FIELDS)}"


def worst(samples: Samples, head: Sequence[str], fields: Sequence[str]) -> str:
    """A row for each case: the worst of each of these fields."""
    rows: list[list[Cell]] = [
        [case, *(max(samples.all(field, case=case)) for field in fields)]
        for case in samples.values("case")
    ]
    return table(head, rows)
