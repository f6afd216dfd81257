"""What a long queue costs: the price of a request must not depend on how many wait."""

import asyncio
import gc
from collections import deque
from time import monotonic

from bench.client import Connection, get, many
from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Record, Samples
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import Identifiers, Ticket
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED, Profile
from prack_grpc.process import GC_THRESHOLDS

ABOUT = "queue of 10 to 100,000: requests/s in process, and through the gateway up to 9,900"
INSIDE, CONTENDERS = "in process", ("prack", "prack-grpc")
QUICK = Plan(rounds=1, seconds=2, contenders=CONTENDERS[:1])
FULL = Plan(rounds=3, seconds=2, contenders=CONTENDERS, full=True)
DEPTHS = (10, 100, 1_000, 10_000, 100_000)
# Each request that waits is a connection, and the gateway takes 10,000 of them.
CONNECTIONS = (10, 100, 1_000, 9_900)
STEPS = 20_000
SLOTS = 8
FIELDS = [
    (b"host", b"shop.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"cookie", b"session=0123456789abcdef0123456789abcdef"),
]
REQUEST = (b"GET", b"http", b"shop.example.com", b"/", b"1.1", FIELDS, ("192.0.2.1", 5), 0)
WARM_UP_SECONDS = 1.0
# Roughly: for one sample in process, and to open the connections and close them.
INSIDE_SECONDS, OPEN_SECONDS = 2, 3
TEXT = f"""\
### Queue

So many requests wait all the time, for {SLOTS} slots. In process: one comes, one is answered and
the oldest is handed out, without sockets. Through the gateway: as many clients that send the next
request when they have the answer, so this holds the cost of their connections, too. An error is any
status but 200.
"""


class Worker:
    """Implements `core.receivers.WorkReceiver` for a worker without a wire."""

    def __init__(self) -> None:
        self.handed: deque[Assignment] = deque()

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        self.handed.append(assignment)

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver."""

    def uploaded(self, assignment: Assignment) -> None:
        """See WorkReceiver."""

    def grant(self, assignment: Assignment, offset: int) -> None:
        """See WorkReceiver."""


async def turn_over(depth: int) -> float:
    """Requests a second while `depth` wait."""
    broker = MemoryBroker(Limits(queue_requests=2 * max(DEPTHS), queue_timeout=1e7))
    worker, tickets, ids = Worker(), deque[Ticket](), Identifiers()
    broker.join(Profile("bench", SLOTS, True), TRUSTED, worker)
    for _ in range(SLOTS + depth):
        tickets.append(broker.submit(Request(*REQUEST, id=ids.next()), b"", True))
    start = monotonic()
    for _ in range(STEPS):
        tickets.append(broker.submit(Request(*REQUEST, id=ids.next()), b"", True))
        broker.head(worker.handed.popleft(), 200, [], b"ok", True)
        broker.complete(tickets.popleft())  # the oldest goes first, so it is this one's
    return STEPS / (monotonic() - start)


async def through(port: int, depth: int, seconds: float) -> Record:
    """Requests a second, and those without a 200, of so many clients and a few more."""
    clients: list[Connection] = []
    tasks: list[asyncio.Task[None]] = []
    statuses: list[int] = []

    async def ask(client: Connection) -> None:
        while True:
            status, _ = await client.ask(get())
            statuses.append(status)

    while len(clients) < depth + SLOTS:
        clients += (new := await many(port, min(100, depth + SLOTS - len(clients))))
        tasks += [asyncio.create_task(ask(client)) for client in new]
        await asyncio.sleep(0.05)  # a queue that grows, not a burst
    await asyncio.sleep(WARM_UP_SECONDS)
    before, start = len(statuses), monotonic()
    await asyncio.sleep(seconds)
    counted, passed = statuses[before:], monotonic() - start
    for task, client in zip(tasks, clients, strict=True):
        task.cancel()
        client.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"rate": counted.count(200) / passed, "errors": len(counted) - counted.count(200)}


def duration(plan: Plan) -> float:
    """See Measurement."""
    inside = plan.rounds * len(DEPTHS) * INSIDE_SECONDS
    return inside + plan.duration(len(CONNECTIONS), WARM_UP_SECONDS + OPEN_SECONDS)


def run(plan: Plan) -> Samples:
    """Requests a second."""
    samples = Samples()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    for number in range(plan.rounds):
        for depth in DEPTHS:
            rate = asyncio.run(turn_over(depth))
            samples.add(contender=INSIDE, depth=depth, round=number, rate=rate)
            say(f"{depth:7d} waiting in process {rate:8,.0f}/s")
    with plan.started(Setup(slots=SLOTS)) as found:
        for number, one in plan.turns(found):
            for depth in CONNECTIONS:
                record = run_loop(through(one.port, depth, plan.seconds))
                samples.add(contender=one.name, depth=depth, round=number, **record)
                say(f"{depth:7d} waiting {one.name:11s}{record['rate']:8,.0f}/s")
    return samples


def report(samples: Samples) -> str:
    """One table."""
    names = samples.values("contender")
    head = ("waiting", *(cell for name in names for cell in (f"{name}, /s", "of 10")), "errors")
    rows = []
    for depth in sorted(set(DEPTHS + CONNECTIONS)):
        cells = []
        for name in names:
            mine, few = ({"contender": name, "depth": count} for count in (depth, DEPTHS[0]))
            cells += [samples.median("rate", **mine), samples.ratio("rate", mine, few)]
        rows.append((f"{depth:,}", *cells, sum(samples.all("errors", depth=depth))))
    return f"{TEXT}\n{table(head, rows)}"
