"""A thousand WebSockets: opened, held, and spoken through."""

import asyncio
import random
from time import monotonic

from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import table
from bench.open_loop import poisson
from bench.plan import Plan
from bench.procfs import memory
from bench.samples import Record, Samples, percentile
from bench.websocket_client import Socket

ABOUT = "1,000 WebSockets: time to open, memory of each, echoes/s and their p99"
CONTENDERS = ("uvicorn", "nginx", "haproxy", "prack", "prack-grpc")
QUICK = Plan(rounds=1, seconds=2, contenders=("nginx", "prack"))
FULL = Plan(rounds=2, seconds=2, contenders=CONTENDERS, full=True)
COUNT = 1000
AT_ONCE = 50
RATE = 200
KIB = 1024
FIELDS = ("open", "front", "app", "rate", "p99", "calm")
HEAD = (
    "contender",
    "open all, s",
    "proxy or gateway, KiB each",
    "application, KiB each",
    "echoes/s",
    "p99 ms",
    f"p99 ms at {RATE}/s",
    "errors",
)
TEXT = f"""\
### WebSockets

{COUNT:,} sockets, opened {AT_ONCE} at a time; then each sends a message of 64 bytes as soon as it
has the echo of the last; then {RATE} messages a second in all, at random moments.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(1, plan.seconds + 3)


def run(plan: Plan) -> Samples:
    """Seconds, bytes of memory, echoes a second, milliseconds."""
    samples = Samples()
    with plan.started(Setup("traffic", slots=COUNT + 64)) as found:
        for number, one in plan.turns(found):
            record = run_loop(_sample(one, plan.seconds, number))
            samples.add(contender=one.name, round=number, **record)
            say(f"{one.name:12s}{record['rate']:8,.0f}/s  p99 {record['p99']:8.2f} ms")
    return samples


async def _sample(one: Running, seconds: float, seed: int) -> Record:
    apps, fronts = one.role("app"), one.role("front")
    before = memory(apps), memory(fronts)
    start = monotonic()
    sockets = await _opened(one.port)
    opened = monotonic() - start
    app, front = memory(apps) - before[0], memory(fronts) - before[1]
    busy = await _busy(sockets, seconds)
    calm = await _calm(sockets, seconds, seed)
    for socket in sockets:
        socket.transport.close()
    return {
        "open": opened,
        "app": app / COUNT,
        "front": front / COUNT if fronts else None,
        "rate": len(busy) / seconds,
        "p99": percentile(busy, 99),
        "calm": percentile(calm, 99),
        "errors": COUNT - len(sockets),
    }


async def _opened(port: int) -> list[Socket]:
    sockets: list[Socket] = []
    for _ in range(COUNT // AT_ONCE):
        opening = (Socket.open(port) for _ in range(AT_ONCE))
        some = await asyncio.gather(*opening, return_exceptions=True)
        sockets += [socket for socket in some if isinstance(socket, Socket)]
    return sockets


async def _busy(sockets: list[Socket], seconds: float) -> list[float]:
    latencies: list[float] = []
    end = monotonic() + seconds

    async def talk(socket: Socket) -> None:
        while monotonic() < end:
            latencies.append(await socket.echo())

    await asyncio.gather(*map(talk, sockets))
    return latencies


async def _calm(sockets: list[Socket], seconds: float, seed: int) -> list[float]:
    """A message at each of these moments, from a socket that is silent."""
    start, rng = monotonic(), random.Random(seed)
    silent = sockets[:]
    rng.shuffle(silent)
    latencies: list[float] = []

    async def speak(socket: Socket) -> None:
        latencies.append(await socket.echo())
        silent.insert(0, socket)

    async with asyncio.TaskGroup() as tasks:
        for arrival in poisson(RATE, seconds, seed):
            await asyncio.sleep(max(0, start + arrival.at - monotonic()))
            tasks.create_task(speak(silent.pop()))
    return latencies


def report(samples: Samples) -> str:
    """One table."""
    rows = []
    for name in samples.values("contender"):
        cells = {field: samples.median(field, contender=name) for field in FIELDS}
        for field in ("front", "app"):
            size = cells[field]
            cells[field] = None if size is None else size / KIB
        rows.append((name, *cells.values(), sum(samples.all("errors", contender=name))))
    return f"{TEXT}\n{table(HEAD, rows)}"
