"""What a request costs the gateway and the worker, by the worker's language and transport."""

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.languages import LANGUAGES
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "requests/s, and CPU of gateway and worker, by language and transport of the worker"
PYTHON = "prack"
CONTENDERS = (PYTHON, "prack-grpc", "prack-rest", *LANGUAGES)
QUICK = Plan(rounds=5, seconds=1, contenders=CONTENDERS)
FULL = Plan(rounds=3, seconds=2, contenders=CONTENDERS, full=True)
CONNECTIONS = 32
WARM_UP = 32, 2  # connections, seconds: some compile as they run
HEAD = (
    "worker",
    "requests/s",
    "of Python's",
    "gateway, CPU us",
    "of Python's",
    "worker, CPU us",
    "of Python's",
    "p50 ms",
    "p99 ms",
    "errors",
)
TEXT = f"""\
### Languages

Closed loop over {CONNECTIONS} connections; each library serves the smallest application, with as
many slots as it has by itself. `{PYTHON}` is `prack-worker` over the plain carrier, which counts as
1. CPU is that of one request, all processes of the worker together.
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
            worker = record["cpu"] - record["front_cpu"]
            samples.add(contender=one.name, round=number, worker_cpu=worker, **record)
            cpu = f"CPU us: gateway {record['front_cpu']:7.1f}, worker {worker:7.1f}"
            say(f"{one.name:12s}{record['rate']:8,.0f}/s  {cpu}")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    rows = []
    for name in samples.values("contender"):
        mine, cells = {"contender": name}, []
        for field in ("rate", "front_cpu", "worker_cpu"):
            cells.append(samples.median(field, **mine))
            cells.append(samples.ratio(field, mine, {"contender": PYTHON}))
        latencies = (samples.median(field, **mine) for field in ("p50", "p99"))
        rows.append((name, *cells, *latencies, sum(samples.all("errors", **mine))))
    return f"{TEXT}\n{table(HEAD, rows)}"
