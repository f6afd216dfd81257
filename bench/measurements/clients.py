"""Ten thousand clients that do nothing, or wait."""

import asyncio
from dataclasses import replace

from bench import plot
from bench.client import Connection, get, many
from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import table
from bench.open_loop import play, poisson
from bench.plan import START_SECONDS, Plan
from bench.procfs import cpu_seconds, memory
from bench.samples import Samples, percentile

ABOUT = "up to 9,900 idle clients, and as many requests that wait: memory of each, p99 of others"
WAITING = "prack"  # without a worker, so that any carrier would be the same
QUICK = Plan(rounds=1, seconds=2, contenders=("nginx", WAITING))
FULL = Plan(rounds=2, seconds=2, contenders=("uvicorn", "nginx", "haproxy", WAITING), full=True)
# The gateway takes 10,000 connections; the others need some.
COUNTS = (1_000, 3_000, 9_900)
RATE = 200
REST_SECONDS = 0.2
OPEN_SECONDS = 7  # for the connections and their first answers, roughly
BUSY = 0.05  # part of a core
KIB = 1024
MOST = COUNTS[-1]
HEAD = ("clients", *(f"KiB each, {count:,}" for count in COUNTS), "p99 ms", "p99 of none", "errors")
TEXT = f"""\
### Clients

Idle: clients that keep their connection after one request. p99 is that of {RATE} other requests
a second, at random moments, beside {MOST:,} of them. Memory is that of the proxy or gateway, and
of `uvicorn` itself. Waiting: requests with the fields of a browser's, for which there is no worker;
the memory holds that of the connection. An error is a connection that was closed, or no 200. The
gateway takes 10,000 connections in all.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    idle = plan.duration(1, plan.seconds + OPEN_SECONDS)
    waiting = OPEN_SECONDS if WAITING in plan.contenders else 0
    return idle + plan.rounds * (2 * START_SECONDS + waiting)


def run(plan: Plan) -> Samples:
    """Memory in bytes, latencies in milliseconds."""
    samples = Samples()
    for number in range(plan.rounds):
        # Memory that was used once is not given back: each round has new processes.
        with replace(plan, rounds=1).started(Setup()) as found:
            for one in found:
                run_loop(_idle(samples, one, number, plan.seconds))
        if WAITING in plan.contenders:
            with replace(plan, contenders=(WAITING,)).started(Setup(copies=0)) as found:
                for one in found:
                    run_loop(_waiting(samples, one, number))
    return samples


async def _idle(samples: Samples, one: Running, number: int, seconds: float) -> None:
    """Clients that had their answer."""
    record = {"contender": one.name, "kind": "idle", "round": number}
    p99, errors = await _others(one, number, seconds)
    before = memory(one.fronts)
    samples.add(**record, count=0, memory=before, p99=p99, errors=errors)
    clients: list[Connection] = []
    for count in COUNTS:
        new = await many(one.port, count - len(clients))
        clients += new
        for start in range(0, len(new), RATE):
            some = new[start : start + RATE]
            await asyncio.gather(*(client.ask(get()) for client in some), return_exceptions=True)
        used = memory(one.fronts)
        closed = sum(client.transport.is_closing() for client in clients)
        samples.add(**record, count=count, memory=used, each=(used - before) / count, errors=closed)
        say(f"{count:6d} idle {one.name:12s}{(used - before) / count / KIB:6.1f} KiB each")
    p99, errors = await _others(one, number, seconds)
    samples.records[-1]["p99"] = p99
    samples.records[-1]["errors"] += errors
    _leave(clients)


async def _others(one: Running, number: int, seconds: float) -> tuple[float, int]:
    outcome = await play(one.port, poisson(RATE, seconds, number))
    return percentile(outcome.latencies, 99), outcome.errors


async def _waiting(samples: Samples, one: Running, number: int) -> None:
    """Clients whose requests are in the queue."""
    before = memory(one.fronts)
    record = {"contender": one.name, "kind": "waiting", "round": number}
    samples.add(**record, count=0, memory=before)
    clients: list[Connection] = []
    for count in COUNTS:
        new = await many(one.port, count - len(clients))
        clients += new
        for client in new:
            client.transport.write(get())
        await _settle(one)
        used = memory(one.fronts)
        closed = sum(client.transport.is_closing() for client in clients)
        samples.add(**record, count=count, memory=used, each=(used - before) / count, errors=closed)
        say(f"{count:6d} waiting {(used - before) / count / KIB:6.1f} KiB each")
    _leave(clients)


async def _settle(one: Running) -> None:
    """Wait until it has worked off what was sent."""
    before, used = -1.0, cpu_seconds(one.fronts)
    while used - before > BUSY * REST_SECONDS:
        await asyncio.sleep(REST_SECONDS)
        before, used = used, cpu_seconds(one.fronts)


def _leave(clients: list[Connection]) -> None:
    for client in clients:
        client.close()


def report(samples: Samples) -> str:
    """One table."""
    rows = []
    for kind in ("idle", "waiting"):
        for name in samples.of(kind=kind).values("contender"):
            mine = {"contender": name, "kind": kind}
            each = ((samples.median("each", **mine, count=count) or 0) / KIB for count in COUNTS)
            p99 = samples.median("p99", **mine, count=MOST)
            ratio = samples.ratio("p99", {**mine, "count": MOST}, {**mine, "count": 0})
            errors = sum(samples.all("errors", **mine))
            rows.append((f"{name}, {kind}", *each, p99, ratio, errors))
    return f"{TEXT}\n{table(HEAD, rows)}"


def plots(samples: Samples) -> dict[str, str]:
    """Memory over the number of clients."""
    lines = {
        f"{name}, {kind}": _points(samples.of(contender=name, kind=kind))
        for kind in ("idle", "waiting")
        for name in samples.of(kind=kind).values("contender")
    }
    return {"memory": plot.lines("Memory by clients", "clients", "MiB", lines)}


def _points(samples: Samples) -> list[plot.Point]:
    counts = samples.values("count")
    found = [(count, samples.median("memory", count=count)) for count in counts]
    return [(x, y / KIB / KIB) for x, y in found if y is not None]
