"""Real frameworks: what they serve at most, and how long clients wait below that."""

from bench import plot
from bench.apps import APPS
from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import table
from bench.measurements.throughput import baseline, closed, closed_duration, tables
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "FastAPI, Flask, Django: requests/s, and p99 at 85 % of what nginx and a server can do"
QUICK = Plan(rounds=2, seconds=1, contenders=("nginx", "nginx-gunicorn", "granian", "prack"))
FULL = Plan(
    rounds=3,
    seconds=2,
    contenders=(
        "nginx",
        "haproxy",
        "caddy",
        "traefik",
        "nginx-gunicorn",
        "granian",
        "prack",
        "prack-grpc",
    ),
    full=True,
)
BUSY = 32  # clients that ask again at once: what they get is the capacity
COUNTS = {"fastapi": (BUSY, 256), "flask": (BUSY,), "django": (BUSY,)}
LOAD = 0.85
USERS = 200  # so many that each asks seldom; more would spend the sample on connecting
TIMES = 2  # samples at LOAD are so many times as long, for the first moments not to count
FIELDS = ("rate", "p50", "p99")
HEAD = ("contender", "requests/s", "p50 ms", "p99 ms", "p99 of baseline", "errors")
TEXT = f"""\
### Frameworks

A small JSON API in one process of each server. The baseline is nginx -> uvicorn for FastAPI, nginx
-> gunicorn for Flask and Django. First what they can do: each connection sends its next request
when it has the answer. CPU and wake-ups are those of all processes of a contender for one request.

Then what clients see at some {LOAD:.0%} of what the baseline can do with {BUSY} connections:
{USERS} clients on connections of their own, each of which thinks for a random time before it asks,
as long for everybody. For whom that is too much, requests/s stay below those of the others.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    # The samples at LOAD take as long as those of TIMES more numbers of connections.
    more = (USERS,) * TIMES
    return sum(closed_duration(plan, app, counts + more) for app, counts in _cases(plan).items())


def _cases(plan: Plan) -> dict[str, tuple[int, ...]]:
    """Numbers of connections by application."""
    return COUNTS if plan.full else dict.fromkeys(COUNTS, (BUSY,))


def run(plan: Plan) -> Samples:
    """See closed_loop.load; samples at LOAD have `users` instead of `connections`."""
    samples = Samples()
    for app, counts in _cases(plan).items():
        with plan.started(Setup(app)) as found:
            closed(samples, plan, found, app, counts)
            case = {"app": app, "connections": BUSY, "contender": baseline(app)}
            if capacity := samples.median("rate", **case):
                _below(samples, plan, found, app, capacity)
    return samples


def _below(samples: Samples, plan: Plan, found: list[Running], app: str, capacity: float) -> None:
    # The baseline's answers should take about as long as with BUSY clients: then LOAD is reached.
    think = (USERS / LOAD - BUSY) / capacity * 1000
    for number, one in plan.turns(found):
        record = load(one, USERS, TIMES * plan.seconds, think=think)
        samples.add(contender=one.name, app=app, users=USERS, round=number, **record)
        rate, p99 = record["rate"], record["p99"]
        say(f"{app} {LOAD:.0%} {one.name:18s}{rate:8,.0f}/s  p99 {p99:7.2f} ms")


def report(samples: Samples) -> str:
    """What throughput tells, and a table at LOAD for each application."""
    below = samples.of(users=USERS)
    parts = [TEXT, *tables(samples)]
    for app in below.values("app"):
        parts += [f"{APPS[app].about}, {LOAD:.0%} of the baseline:\n", _table(below, app)]
    return "\n".join(parts)


def _table(below: Samples, app: str) -> str:
    rows = []
    for name in below.of(app=app).values("contender"):
        mine = {"contender": name, "app": app}
        figures = (below.median(field, **mine) for field in FIELDS)
        ratio = below.ratio("p99", mine, {**mine, "contender": baseline(app)})
        rows.append((name, *figures, ratio, sum(below.all("errors", **mine))))
    return table(HEAD, rows)


def plots(samples: Samples) -> dict[str, str]:
    """Requests/s of the baseline's, and p99 at LOAD."""
    most = {APPS[app].about: _ratios(samples.of(app=app, connections=BUSY), app) for app in COUNTS}
    below = samples.of(users=USERS)
    p99 = {APPS[app].about: below.of(app=app).medians("p99") for app in COUNTS}
    return {
        "frameworks": plot.bars(f"Frameworks, {BUSY} clients", "requests/s of the baseline", most),
        "frameworks-p99": plot.bars(f"Frameworks at {LOAD:.0%} of the baseline", "p99, ms", p99),
    }


def _ratios(samples: Samples, app: str) -> dict[str, float]:
    base = {"contender": baseline(app)}
    names = samples.values("contender")
    found = ((name, samples.ratio("rate", {"contender": name}, base)) for name in names)
    return {name: ratio for name, ratio in found if ratio is not None}
