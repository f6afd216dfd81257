"""A thousand workers at one gateway."""

from dataclasses import replace

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.markdown import Cell, table
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Samples

ABOUT = "1,000 workers: memory of each, and requests/s"
CONTENDERS = ("prack-fleet", "prack-fleet-grpc")
QUICK = Plan(rounds=1, seconds=2, contenders=CONTENDERS[:1])
FULL = Plan(rounds=2, seconds=2, contenders=CONTENDERS, full=True)
COUNTS = (1, 10, 100, 1000)
CONNECTIONS = 64
KIB = 1024
START_SECONDS = 2  # for a gateway and its workers, roughly
HEAD = ("fleet", "workers", "requests/s", "p99 ms", "gateway, MiB", "KiB for each more", "errors")
TEXT = f"""\
### Workers

Workers with one slot and a connection each, all in one process; {CONNECTIONS} clients.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(COUNTS), START_SECONDS)


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
                    say(f"{count:5d} workers {one.name:18s}{record['rate']:8,.0f}/s")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    rows = [_row(samples, name, count) for name in samples.values("contender") for count in COUNTS]
    return f"{TEXT}\n{table(HEAD, rows)}"


def _row(samples: Samples, name: str, count: int) -> list[Cell]:
    few, used = (
        samples.median("memory", contender=name, workers=number) or 0
        for number in (COUNTS[0], count)
    )
    case = {"contender": name, "workers": count}
    rate, p99 = (samples.median(field, **case) for field in ("rate", "p99"))
    each = (used - few) / (count - 1) / KIB if count >= 100 else None
    return [name, count, rate, p99, used / KIB / KIB, each, sum(samples.all("errors", **case))]
