"""What clients that stand still do to the others."""

from time import sleep

from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.markdown import table
from bench.open_loop import play, poisson
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Samples, percentile
from bench.stalled import Kind, stalled

ABOUT = "p99 of others beside clients that stop reading or sending"
QUICK = Plan(rounds=1, seconds=3, contenders=("nginx", "prack"))
# Shorter than the time after which anybody ends such a connection.
FULL = Plan(rounds=2, seconds=3, contenders=("nginx", "haproxy", "prack"), full=True)
RATE = 200
CASES: tuple[tuple[Kind, int], ...] = (
    ("readers", 0),
    ("readers", 50),
    ("uploads", 50),
)
SETTLE_SECONDS = 1.0
MIB = 1024 * 1024
HEAD = ("contender", "stalled", "p50 ms", "p99 ms", "p99 of none", "memory, MiB", "errors")
TEXT = f"""\
### Stalled clients

{RATE} small requests a second, at random moments, beside clients that asked for 16 MiB and read
nothing (readers), or sent 256 KiB of 16 MiB (uploads). Memory is that of the proxy or gateway.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(CASES), SETTLE_SECONDS + 1)


def run(plan: Plan) -> Samples:
    """Latencies in milliseconds, memory in bytes."""
    samples = Samples()
    with plan.started(Setup("traffic")) as found:
        for kind, count in CASES:
            for number, one in plan.turns(found):
                with stalled(one.port, count, kind):
                    sleep(SETTLE_SECONDS)
                    arrivals = poisson(RATE, plan.seconds, number)
                    outcome = run_loop(play(one.port, arrivals))
                    used = memory(one.fronts)
                p50, p99 = (percentile(outcome.latencies, percent) for percent in (50, 99))
                record = {"p50": p50, "p99": p99, "memory": used, "errors": outcome.errors}
                case = {"kind": kind, "stalled": count, "round": number}
                samples.add(contender=one.name, **case, **record)
                say(f"{count:2d} {kind} {one.name:12s} p99 {p99:6.2f} ms")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    rows = []
    for name in samples.values("contender"):
        for kind, count in CASES:
            mine = {"contender": name, "kind": kind, "stalled": count}
            none = {"contender": name, "kind": "readers", "stalled": 0}
            p50, p99 = (samples.median(field, **mine) for field in ("p50", "p99"))
            ratio = samples.ratio("p99", mine, none)
            used = (samples.median("memory", **mine) or 0) / MIB
            what = f"{count} {kind}" if count else "none"
            rows.append((name, what, p50, p99, ratio, used, sum(samples.all("errors", **mine))))
    return f"{TEXT}\n{table(HEAD, rows)}"
