"""An application that computes, in one process of a worker and in two."""

from bench.closed_loop import load
from bench.console import say
from bench.contenders import Setup
from bench.markdown import Cell, table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "a computing Flask view: --processes 2 of the worker, and of gunicorn, beside one"
ONE = "worker-one"
NAMES = (ONE, "worker-two", "gunicorn-two")
QUICK = Plan(rounds=5, seconds=5, contenders=NAMES)
FULL = Plan(rounds=3, seconds=5, contenders=NAMES, full=True)
CONNECTIONS = 32
HEAD = ("contender", "requests/s", f"of {ONE}", "p50 ms", "p99 ms", "errors")
TEXT = f"""\
### Computing

A Flask view that computes for some twenty milliseconds; {CONNECTIONS} clients. `{ONE}` is a worker
of one process, `worker-two` the same with `--processes 2`, and `gunicorn-two` is gunicorn with two
processes, asked directly. Ratios are to `{ONE}`, round by round. Gateway and clients are on the
same cores.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(1)


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    with plan.started(Setup("computing")) as found:
        for one in found:
            load(one, CONNECTIONS, 1)
        for number, one in plan.turns(found):
            record = load(one, CONNECTIONS, plan.seconds)
            samples.add(contender=one.name, round=number, **record)
            say(f"{one.name:14s}{record['rate']:8.1f}/s")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    rows = [_row(samples, name) for name in samples.values("contender")]
    return f"{TEXT}\n{table(HEAD, rows)}"


def _row(samples: Samples, name: str) -> tuple[Cell, ...]:
    mine = {"contender": name}
    rate, p50, p99 = (samples.median(field, **mine) for field in ("rate", "p50", "p99"))
    ratio = samples.ratio("rate", mine, {"contender": ONE})
    return name, rate, ratio, p50, p99, sum(samples.all("errors", **mine))
