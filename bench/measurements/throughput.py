"""Requests a second and latency, by number of connections and by application."""

from dataclasses import replace

from bench import plot
from bench.apps import APPS
from bench.closed_loop import load
from bench.console import say
from bench.contenders import Setup, serving
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "requests/s, latency and CPU by number of connections; four applications"
QUICK = Plan(rounds=3, seconds=3, contenders=("uvicorn", "nginx", "prack", "prack-grpc"))
FULL = Plan(
    rounds=3,
    seconds=2,
    contenders=(
        "uvicorn",
        "nginx",
        "haproxy",
        "nginx-gunicorn",
        "prack",
        "prack-grpc",
        "prack-rest",
    ),
    full=True,
)
QUICK_CASES = {"hello": (1, 32, 256)}
FULL_CASES = {
    "hello": (1, 8, 32, 128, 256, 512),
    "fastapi": (32, 128, 256),
    "flask": (32,),
    "django": (32,),
}
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
### Throughput

Closed loop: each connection sends its next request when it has the answer, so latency says
little about overload. CPU and wake-ups (voluntary context switches) are those of all processes of
a contender for one request; wrk, on the same cores, is not counted. The baseline is nginx ->
uvicorn, for WSGI nginx -> gunicorn.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    times = 0.0
    for app, counts in _cases(plan).items():
        mine = replace(plan, contenders=tuple(one.name for one in serving(plan.contenders, app)))
        times += mine.duration(len(counts)) + len(mine.contenders) * WARM_UP[1]
    return times


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    for app, counts in _cases(plan).items():
        with plan.started(Setup(app)) as found:
            for one in found:
                load(one, *WARM_UP)
            for connections in counts:
                for number, one in plan.turns(found):
                    record = load(one, connections, plan.seconds)
                    case = {"app": app, "connections": connections, "round": number}
                    samples.add(contender=one.name, **case, **record)
                    rate, p50 = record["rate"], record["p50"]
                    say(f"{app} {connections:4d} {one.name:18s}{rate:8,.0f}/s  p50 {p50:7.2f} ms")
    return samples


def _cases(plan: Plan) -> dict[str, tuple[int, ...]]:
    """Numbers of connections by application."""
    cases = FULL_CASES if plan.full else QUICK_CASES
    apps = [plan.app] if plan.app else cases
    return {app: plan.connections or cases.get(app, (32,)) for app in apps}


def baseline(app: str) -> str:
    """Whom the others are compared with."""
    return "nginx" if APPS[app].interface == "asgi" else "nginx-gunicorn"


def report(samples: Samples) -> str:
    """A table for each application and number of connections."""
    parts = [TEXT]
    for app in samples.values("app"):
        for connections in samples.of(app=app).values("connections"):
            some = "connection" if connections == 1 else "connections"
            parts.append(f"{APPS[app].about}, {connections} {some}:\n")
            parts.append(_table(samples, app, connections))
    return "\n".join(parts)


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
    """Requests/s over connections, for the bare application."""
    hello = samples.of(app="hello")
    lines = {name: _points(hello.of(contender=name)) for name in hello.values("contender")}
    title = "Throughput, bare ASGI"
    return {"throughput": plot.lines(title, "connections", "requests/s", lines, log_x=True)}


def _points(samples: Samples) -> list[plot.Point]:
    counts = samples.values("connections")
    found = [(count, samples.median("rate", connections=count)) for count in counts]
    return [(x, y) for x, y in found if y is not None]
