"""Requests a second and latency, by number of connections and by application."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench import plot
from bench.apps import APPS
from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running, serving
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples
from bench.tools import COMPILED, find

ABOUT = "a bare application: requests/s, latency and CPU by number of connections"
OURS = "prack", *(("prack-compiled",) if find(COMPILED) else ()), "prack-grpc"
QUICK = Plan(rounds=3, seconds=3, contenders=("uvicorn", "nginx", *OURS))
FULL = Plan(
    rounds=3,
    seconds=2,
    contenders=(
        "uvicorn",
        "granian",
        "nginx",
        "haproxy",
        "caddy",
        "traefik",
        *OURS,
    ),
    full=True,
)
COUNTS = (1, 32, 256)
WARM_UP = 32, 1  # connections, seconds
FIELDS = ("rate", "p50", "p99", "cpu", "switches")
HEAD = (
    "contender",
    "requests/s",
    "of baseline",
    "p50 ms",
    "p99 ms",
    "CPU us",
    "wake-ups",
    "errors",
)
TEXT = """\
### Hello

An application that does nothing shows what the way to it costs, and nothing of how fast yours will
be. Closed loop: each connection sends its next request when it has the answer, so latency says
little about overload. CPU and wake-ups (voluntary context switches) are those of all processes of
a contender for one request; wrk, on the same cores, is not counted. The baseline is nginx ->
uvicorn, for WSGI nginx -> gunicorn.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return closed_duration(plan, _app(plan), _counts(plan))


def closed_duration(plan: Plan, app: str, counts: Sequence[int]) -> float:
    """Seconds of `closed`, roughly, with the start of everybody."""
    mine = replace(plan, contenders=tuple(one.name for one in serving(plan.contenders, app)))
    return mine.duration(len(counts)) + len(mine.contenders) * WARM_UP[1]


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    with plan.started(Setup(_app(plan))) as found:
        closed(samples, plan, found, _app(plan), _counts(plan))
    return samples


def closed(
    samples: Samples, plan: Plan, found: list[Running], app: str, counts: Sequence[int]
) -> None:
    """Add everybody's samples of each number of connections."""
    for one in found:
        load(one, *WARM_UP)
    for connections in counts:
        for number, one in plan.turns(found):
            record = load(one, connections, plan.seconds)
            case = {"app": app, "connections": connections, "round": number}
            samples.add(contender=one.name, **case, **record)
            rate, p50 = record["rate"], record["p50"]
            say(f"{app} {connections:4d} {one.name:18s}{rate:8,.0f}/s  p50 {p50:7.2f} ms")


def _app(plan: Plan) -> str:
    return plan.app or "hello"


def _counts(plan: Plan) -> tuple[int, ...]:
    return plan.connections or COUNTS


def baseline(app: str) -> str:
    """Whom the others are compared with."""
    return "nginx" if APPS[app].interface == "asgi" else "nginx-gunicorn"


def report(samples: Samples) -> str:
    """A table for each number of connections."""
    return "\n".join([TEXT, *tables(samples)])


def tables(samples: Samples) -> Iterator[str]:
    """One for each application and number of connections, each with a line above."""
    for app in samples.values("app"):
        for connections in samples.of(app=app).values("connections"):
            some = "connection" if connections == 1 else "connections"
            yield f"{APPS[app].about}, {connections} {some}:\n"
            yield _table(samples, app, connections)


def _table(samples: Samples, app: str, connections: int) -> str:
    case = {"app": app, "connections": connections}
    rows = []
    for name in samples.of(**case).values("contender"):
        mine = {"contender": name, **case}
        ratio = samples.ratio("rate", mine, {**mine, "contender": baseline(app)})
        rate, *others = (samples.median(field, **mine) for field in FIELDS)
        rows.append((name, rate, ratio, *others, sum(samples.all("errors", **mine))))
    return table(HEAD, rows)


def plots(samples: Samples) -> dict[str, str]:
    """Requests/s by number of connections, for the bare application."""
    rates = {
        f"{count} client{'s' if count > 1 else ''}": samples.of(connections=count).medians("rate")
        for count in COUNTS
    }
    return {"throughput": plot.bars("Hello", "requests/s", rates)}
