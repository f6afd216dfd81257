"""What it costs to keep figures, and to look at them."""

from bench.closed_loop import load
from bench.console import say
from bench.contenders import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "requests/s and CPU with figures, and with somebody who looks at them, against without"
NONE = "prack-blind"
QUICK = Plan(rounds=3, seconds=1, contenders=(NONE, "prack", "prack-watched"))
FULL = Plan(rounds=6, seconds=1, contenders=QUICK.contenders, full=True)
CONNECTIONS = 32
WARM_UP = 32, 1  # connections, seconds
FIELDS = ("rate", "p50", "p99", "cpu")
HEAD = ("contender", "requests/s", "of without", "p50 ms", "p99 ms", "CPU us", "errors")
TEXT = f"""\
### Figures

Closed loop over {CONNECTIONS} connections, a bare ASGI application. `prack-blind` keeps no figures
(`--no-metrics`); of `prack-watched` a page is open, and `/metrics` is scraped every 5 s.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(1) + len(plan.contenders) * WARM_UP[1]


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    with plan.started(Setup("hello")) as found:
        for one in found:
            load(one, *WARM_UP)
        for number, one in plan.turns(found):
            record = load(one, CONNECTIONS, plan.seconds)
            samples.add(contender=one.name, round=number, **record)
            say(f"{one.name:15s}{record['rate']:8,.0f}/s  {record['cpu']:6.1f} us of CPU")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    rows = []
    for name in samples.values("contender"):
        mine = {"contender": name}
        ratio = samples.ratio("rate", mine, {"contender": NONE})
        rate, *others = (samples.median(field, **mine) for field in FIELDS)
        rows.append((name, rate, ratio, *others, sum(samples.all("errors", **mine))))
    return f"{TEXT}\n{table(HEAD, rows)}"
