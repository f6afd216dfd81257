"""How many exchanges a second the REST API carries, by the way in which workers use it."""

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "REST exchanges/s and the gateway's CPU for one, of a stream's: one at a time, batches, raw"
STREAM = "prack"
CONTENDERS = (STREAM, "prack-rest-one", "prack-rest-exchange", "prack-raw", "prack-rest")
QUICK = Plan(rounds=3, seconds=3, contenders=CONTENDERS)
FULL = Plan(rounds=3, seconds=2, contenders=CONTENDERS, full=True)
CONNECTIONS = 64
HEAD = (
    "worker",
    "exchanges/s",
    "p50 ms",
    "p99 ms",
    "CPU us",
    "gateway CPU us",
    "of prack",
    "errors",
)
TEXT = f"""\
### REST

{CONNECTIONS} clients, bare answers. `one`: 16 plain pollers, a call for each request and one for
each answer; `exchange`: 4 pollers that answer and take up to 32 in one call; `raw`: 64 threads
that send messages; `prack-rest`: prack-worker. The gateway's CPU is compared, round by round, to
that for a worker with a stream, `{STREAM}`.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(1)


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    with plan.started(Setup()) as found:
        for number, one in plan.turns(found):
            record = load(one, CONNECTIONS, plan.seconds)
            samples.add(contender=one.name, round=number, **record)
            say(f"{one.name:20s}{record['rate']:8,.0f}/s{record['front_cpu']:7.1f} us of CPU")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    fields, stream = ("rate", "p50", "p99", "cpu", "front_cpu"), {"contender": STREAM}
    rows = [
        (
            name,
            *(samples.median(field, contender=name) for field in fields),
            samples.ratio("front_cpu", {"contender": name}, stream),
            sum(samples.all("errors", contender=name)),
        )
        for name in samples.values("contender")
    ]
    return f"{TEXT}\n{table(HEAD, rows)}"
