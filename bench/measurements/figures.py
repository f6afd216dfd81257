"""What it costs to keep figures, and to look at them."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from bench import paired
from bench.closed_loop import TURN_SECONDS, load, turns
from bench.console import say
from bench.contender import Setup
from bench.markdown import Cell, table
from bench.plan import START_SECONDS, Plan
from bench.samples import Samples

ABOUT = "requests/s and CPU with figures, and with somebody who looks at them, against without"
NONE, AGAIN = "prack-blind", "prack-blind-too"
QUICK = Plan(rounds=6, seconds=4, contenders=(NONE, AGAIN, "prack"))
FULL = Plan(rounds=3, seconds=4, contenders=(*QUICK.contenders, "prack-watched"), full=True)
CONNECTIONS = 32
WARM_UP = 32, 1  # connections, seconds
FIELDS = ("rate", "front_cpu")
RATIOS = ("of without", "from", "to")
HEAD = ("contender", "requests/s", *RATIOS, "CPU us", *RATIOS)
INSIDE_HEAD = ("contender", "CPU us", *RATIOS)
KINDS = {NONE: paired.NONE, AGAIN: paired.AGAIN, "prack": paired.BOOKS}
INSIDE_SECONDS = 12  # of each round
INSIDE = f"""\
In process, without sockets: the same in turns of some 20 ms, for {INSIDE_SECONDS} s of each round,
so that a percent can be told. No kernel has to be passed, of which the figures are a greater part.
"""
TEXT = f"""\
### Figures

Closed loop over {CONNECTIONS} connections, a bare ASGI application. `prack-blind` keeps no figures
(`--no-metrics`), nor does `prack-blind-too`: by what that differs, the measurement errs. Of
`prack-watched` a page is open, and `/metrics` is scraped every 5 s. CPU is the gateway's, for one
request. In each round all are started anew, as the same program is faster or slower by where it
lies in memory, and another one begins; then they take turns of {TURN_SECONDS} s, there and back.
Who has no turn is stopped, with its workers and its load. The ratios are the median of the rounds,
and the lowest and the highest.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    each = START_SECONDS + INSIDE_SECONDS
    return plan.rounds * (each + len(plan.contenders) * (WARM_UP[1] + plan.seconds))


def run(plan: Plan) -> Samples:
    """See closed_loop.turns; `inside` is the CPU in process, see `bench.paired`."""
    samples = Samples()
    for number in range(plan.rounds):
        costs = paired.measured(INSIDE_SECONDS)
        say(", ".join(f"{kind} {cost:.2f} us" for kind, cost in costs.items()))
        with _turned(plan, number).started(Setup("hello")) as found:
            for one in found:
                load(one, *WARM_UP)
            for one, record in zip(found, turns(found, CONNECTIONS, plan.seconds), strict=True):
                inside = costs.get(KINDS.get(one.name, ""))
                samples.add(contender=one.name, round=number, inside=inside, **record)
                rate, cpu = record["rate"], record["front_cpu"]
                say(f"{one.name:15s}{rate:8,.0f}/s  {cpu:6.1f} us of CPU in the gateway")
    return samples


def _turned(plan: Plan, by: int) -> Plan:
    """Another one begins, in starting as in taking turns."""
    by %= len(plan.contenders)
    return replace(plan, contenders=plan.contenders[by:] + plan.contenders[:by])


def report(samples: Samples) -> str:
    """Two tables: with sockets, and in process."""
    outside = [(name, *_cells(samples, name)) for name in samples.values("contender")]
    inside = [(name, *_inside(samples, name)) for name in KINDS]
    return f"{TEXT}\n{table(HEAD, outside)}\n{INSIDE}\n{table(INSIDE_HEAD, inside)}"


def _cells(samples: Samples, name: str) -> Iterator[Cell]:
    for field in FIELDS:
        yield samples.median(field, contender=name)
        yield from _ratios(samples, name, field)


def _inside(samples: Samples, name: str) -> Iterator[Cell]:
    yield samples.median("inside", contender=name)
    for ratio in _ratios(samples, name, "inside"):
        yield ratio and f"{ratio:.3f}"


def _ratios(samples: Samples, name: str, field: str) -> tuple[float | None, ...]:
    found = samples.ratios(field, {"contender": name}, {"contender": NONE})
    return (median(found), min(found), max(found)) if found else (None,) * 3
