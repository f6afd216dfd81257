"""Several gateways with one queue: what it costs, and what a request costs that is passed on."""

import json
import urllib.request
from time import sleep

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import Cell, table
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Samples

ABOUT = "one gateway, 2 and 4 processes, and two whose requests all go to the other: CPU, p50"
ONE = "prack"
NAMES = (ONE, "prack-two", "prack-four", "prack-apart", "prack-nats")
QUICK = Plan(rounds=5, seconds=1, contenders=NAMES)
FULL = Plan(rounds=4, seconds=2, contenders=NAMES, full=True)
CONNECTIONS = (1, 8, 32)
WARM_UP = 8, 1  # connections, seconds
LINK_SECONDS = 2.0  # in which all gateways find each other
MIB = 1024 * 1024
HEAD = (
    "contender",
    "requests/s",
    "of prack",
    "gateway CPU us",
    "of prack",
    "relayed",
    "p50 ms",
    "more, ms",
    "p99 ms",
    "errors",
)
TEXT = f"""\
### Gateways

Closed loop, a bare ASGI application in four workers. `{ONE}` is one process, `prack-two` and
`prack-four` are `--processes 2` and 4. Of `prack-apart` (links over Unix sockets) and `prack-nats`
(two gateways that meet on one NATS server) all clients are at one gateway and all workers at the
other, so that each request is relayed. CPU is that of all processes of the gateways, without NATS.
Ratios are to `{ONE}`, round by round; `more` is the difference of the p50. The part that was
relayed is that of the requests of the last seconds that the gateways remember. Everything shares
the cores of one machine, so requests/s say little of a machine with more.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(CONNECTIONS)) + len(plan.contenders) * WARM_UP[1] + LINK_SECONDS


def run(plan: Plan) -> Samples:
    """See closed_loop.load; memory in bytes."""
    samples = Samples()
    with plan.started(Setup("hello", copies=4)) as found:
        sleep(LINK_SECONDS)
        for one in found:
            load(one, *WARM_UP)
        for connections in CONNECTIONS:
            for number, one in plan.turns(found):
                record = load(one, connections, plan.seconds)
                about = {"contender": one.name, "connections": connections, "round": number}
                samples.add(**about, **record, relayed=_relayed(one))
                say(f"{connections:3d} {one.name:12s}{record['front_cpu']:7.1f} us of CPU")
        for one in found:
            samples.add(contender=one.name, what="memory", memory=memory(one.fronts))
    return samples


def _relayed(one: Running) -> float | None:
    """Of the requests that are remembered, None where nobody can be asked."""
    if not (url := one.fronts[0].part.url):
        return None
    with urllib.request.urlopen(f"{url}api/v1/exchanges", timeout=10) as reply:  # noqa: S310
        ended = [row for row in json.load(reply)["exchanges"] if row["transport"]]
    return sum(row["transport"] == "link" for row in ended) / len(ended) if ended else None


def report(samples: Samples) -> str:
    """A table for each number of connections, and the memory."""
    parts = [TEXT]
    for connections in samples.values("connections"):
        case = samples.of(connections=connections)
        rows = [_row(case, name) for name in case.values("contender")]
        parts += [f"{connections} connections:\n", table(HEAD, rows)]
    return "\n".join([*parts, _memory(samples)])


def _row(samples: Samples, name: str) -> tuple[Cell, ...]:
    mine, one = {"contender": name}, {"contender": ONE}
    rate, cpu, relayed, p50, p99 = (
        samples.median(field, **mine) for field in ("rate", "front_cpu", "relayed", "p50", "p99")
    )
    of_rate, of_cpu = (samples.ratio(field, mine, one) for field in ("rate", "front_cpu"))
    base = samples.median("p50", **one)
    more = None if p50 is None or base is None else p50 - base
    errors = sum(samples.all("errors", **mine))
    return name, rate, of_rate, cpu, of_cpu, relayed, p50, more, p99, errors


def _memory(samples: Samples) -> str:
    used = {one["contender"]: one["memory"] / MIB for one in samples.of(what="memory").records}
    rows = [(name, used.get(name)) for name in (ONE, "prack-two", "prack-four")]
    if {"prack-two", "prack-four"} <= used.keys():
        rows.append(("a further process", (used["prack-four"] - used["prack-two"]) / 2))
    return table(("gateway", "MiB (PSS) after the load"), rows)
