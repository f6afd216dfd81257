"""An application that computes, in two processes."""

from bench.apps import APPS
from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.markdown import Cell, table
from bench.measurements.throughput import closed_duration
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "a view that computes, in Flask and FastAPI: two processes of everybody"
ONE = "worker-one"
NAMES = ("nginx-two", "nginx-gunicorn-two", "granian-two", ONE, "worker-two")
QUICK = Plan(rounds=2, seconds=3, contenders=NAMES)
FULL = Plan(rounds=3, seconds=3, contenders=NAMES, full=True)
APPLICATIONS = ("computing-fastapi", "computing")
CONNECTIONS = 32
HEAD = ("contender", "requests/s", f"of {ONE}", "p50 ms", "p99 ms", "errors")
TEXT = f"""\
### Processes

A view that computes for some twenty milliseconds; {CONNECTIONS} clients. What ends in `-two` has
two processes of the application: `nginx-two` is nginx -> uvicorn, `nginx-gunicorn-two` nginx ->
gunicorn, `worker-two` Prack with `prack-worker --processes 2`. `{ONE}` is a worker of one process;
ratios are to it, round by round. Everything shares two cores with the clients.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return sum(closed_duration(plan, app, (CONNECTIONS,)) for app in APPLICATIONS)


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    for app in APPLICATIONS:
        with plan.started(Setup(app)) as found:
            for one in found:
                load(one, CONNECTIONS, 1)
            for number, one in plan.turns(found):
                record = load(one, CONNECTIONS, plan.seconds)
                samples.add(contender=one.name, app=app, round=number, **record)
                say(f"{app:18s}{one.name:20s}{record['rate']:8.1f}/s")
    return samples


def report(samples: Samples) -> str:
    """A table for each application."""
    parts = [TEXT]
    for app in samples.values("app"):
        case = samples.of(app=app)
        rows = [_row(case, name) for name in case.values("contender")]
        parts += [f"{APPS[app].about}:\n", table(HEAD, rows)]
    return "\n".join(parts)


def _row(samples: Samples, name: str) -> tuple[Cell, ...]:
    mine = {"contender": name}
    rate, p50, p99 = (samples.median(field, **mine) for field in ("rate", "p50", "p99"))
    ratio = samples.ratio("rate", mine, {"contender": ONE})
    return name, rate, ratio, p50, p99, sum(samples.all("errors", **mine))
