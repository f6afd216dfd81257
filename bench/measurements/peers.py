"""Others whose servers dial in: Cranker, and a tunnel."""

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.markdown import Cell, table
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Samples

ABOUT = "whose servers dial in: Prack, Cranker and a tunnel, by number of connections"
ONE = "prack"
NAMES = (ONE, "prack-grpc", "cranker", "rathole")
QUICK = Plan(rounds=2, seconds=2, contenders=NAMES)
FULL = Plan(rounds=3, seconds=2, contenders=NAMES, full=True)
COUNTS = (1, 32, 256)
WARM_UP = 32, 8  # connections, seconds: Java compiles as it runs
MIB = 1024 * 1024
HEAD = (
    "contender",
    "requests/s",
    "of prack",
    "p50 ms",
    "p99 ms",
    "CPU us",
    "gateway MiB",
    "at the servers MiB",
    "errors",
)
TEXT = """\
### Peers

Who else lets application servers dial in, with the same bare ASGI application; closed loop. Cranker
is a library for a router in Java, with a connector beside each uvicorn, both with its defaults.
rathole is a tunnel of TCP to one uvicorn, for frp and its like: it does not read HTTP, knows one
server for each port, and has no queue. To its clients it has no TCP_NODELAY, so that an answer in
two writes, as uvicorn's, at times takes 44 ms. Prack's workers run the application themselves. CPU
is that of all processes for one request. Memory (PSS, after the load) is that of the gateway,
router or tunnel's server, and of all that runs at the application servers, with the application.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(COUNTS)) + len(plan.contenders) * WARM_UP[1]


def run(plan: Plan) -> Samples:
    """See closed_loop.load; memory in bytes."""
    samples = Samples()
    with plan.started(Setup()) as found:
        for one in found:
            load(one, *WARM_UP)
        for connections in COUNTS:
            for number, one in plan.turns(found):
                record = load(one, connections, plan.seconds)
                record |= {"front": memory(one.fronts), "servers": memory(one.role("app"))}
                case = {"connections": connections, "round": number}
                samples.add(contender=one.name, **case, **record)
                say(f"{connections:4d} {one.name:12s}{record['rate']:8,.0f}/s")
    return samples


def report(samples: Samples) -> str:
    """A table for each number of connections."""
    parts = [TEXT]
    for connections in samples.values("connections"):
        some = "connection" if connections == 1 else "connections"
        case = samples.of(connections=connections)
        rows = [_row(case, name) for name in case.values("contender")]
        parts += [f"{connections} {some}:\n", table(HEAD, rows)]
    return "\n".join(parts)


def _row(case: Samples, name: str) -> list[Cell]:
    mine = {"contender": name}
    figures = [case.median(field, **mine) for field in ("rate", "p50", "p99", "cpu")]
    ratio = case.ratio("rate", mine, {"contender": ONE})
    sizes = ((case.median(field, **mine) or 0) / MIB for field in ("front", "servers"))
    return [name, figures[0], ratio, *figures[1:], *sizes, sum(case.all("errors", **mine))]
