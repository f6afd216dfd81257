"""A thousand workers at one gateway."""

from dataclasses import replace

from bench.closed_loop import load
from bench.console import say
from bench.contenders import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Samples

ABOUT = "1,000 gRPC workers: memory of each, and requests/s"
QUICK = Plan(rounds=1, seconds=2, contenders=("prack-fleet",))
FULL = Plan(rounds=3, seconds=4, contenders=("prack-fleet",), full=True)
COUNTS = (1, 10, 100, 1000)
CONNECTIONS = 64
KIB = 1024
HEAD = ("workers", "requests/s", "p99 ms", "gateway, MiB", "KiB for each more", "errors")
TEXT = f"""\
### Workers

gRPC workers with one slot and a connection each, all in one process; {CONNECTIONS} clients.
"""


def run(plan: Plan) -> Samples:
    """See closed_loop.load; memory of the gateway in bytes, before the load."""
    samples = Samples()
    for number in range(plan.rounds):
        for count in COUNTS:
            with replace(plan, rounds=1).started(Setup(copies=count)) as found:
                for one in found:
                    used = memory(one.fronts)
                    record = load(one, CONNECTIONS, plan.seconds)
                    case = {"workers": count, "round": number, "memory": used}
                    samples.add(contender=one.name, **case, **record)
                    say(f"{count:5d} workers {record['rate']:8,.0f}/s")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    few = samples.median("memory", workers=COUNTS[0]) or 0
    rows = []
    for count in COUNTS:
        rate, p99 = (samples.median(field, workers=count) for field in ("rate", "p99"))
        used = samples.median("memory", workers=count) or 0
        each = (used - few) / (count - 1) / KIB if count >= 100 else None
        errors = sum(samples.all("errors", workers=count))
        rows.append((f"{count:,}", rate, p99, used / KIB / KIB, each, errors))
    return f"{TEXT}\n{table(HEAD, rows)}"
