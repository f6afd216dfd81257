"""One soak, from the first process to the history of all of them."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench.console import say
from soak.clients import Clients
from soak.cluster import ClusterChaos, clustered
from soak.faults import QUEUE_LIMIT, Chaos, Fault
from soak.fleet import Fleet, started
from soak.gauges import Gauges
from soak.history import History
from soak.load import Load
from tests.acceptance.processes import BAD, Gateway

FLAGS = (
    *("--queue-requests", str(QUEUE_LIMIT)),
    *("--max-connections-per-client", str(20 * QUEUE_LIMIT)),  # all of ours are one client's
    *("--head-timeout", "30"),  # so that what is lost ends within the run
)

THREADS = 64  # each waits for a process


@dataclass(frozen=True)
class Plan:
    """`kinds` of faults, as many as fit into `seconds`; or each of them `times` times.

    `rate` is requests a second, `hands` how many faults are done at a time. Several `gateways` are
    a cluster on NATS.
    """

    seed: int
    kinds: tuple[str, ...]
    seconds: float = 0.0
    times: int = 1
    rate: float = 30.0
    hands: int = 3
    gateways: int = 1

    def draw(self) -> Iterator[str]:
        """The faults in their order, all kinds equally often."""
        rng, until, rounds = random.Random(self.seed), monotonic() + self.seconds, 0
        while rounds < self.times or monotonic() < until:
            rounds += 1
            yield from rng.sample(self.kinds, len(self.kinds))


async def soak(plan: Plan, folder: Path) -> History:
    """Do it; what all processes have written is in `folder`."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(clustered(folder)) if plan.gateways > 1 else None
        joins = [await cluster.flags(number) if cluster else () for number in range(plan.gateways)]
        fleet = await stack.enter_async_context(started(folder, [FLAGS + one for one in joins]))
        gauges, clients = Gauges(fleet), Clients([one.port for one in fleet.gateways])
        say(f"{len(fleet.workers)} workers; the wire: {fleet.wire.about}")
        async with asyncio.TaskGroup() as group:
            load = Load(clients, plan.seed, plan.rate, group)
            await _warm_up(load, fleet)
            await gauges.start()
            arriving, watching = group.create_task(load.run()), group.create_task(gauges.run())
            chaos = Chaos(fleet, load, plan.seed)
            if cluster:
                chaos = ClusterChaos(fleet, load, plan.seed, cluster)
            await chaos.run(plan.draw(), plan.hands)
            arriving.cancel()
            say("waiting for the last responses")
            await load.settle()
            await clients.close()
            await gauges.settle()
            watching.cancel()
        for gateway in fleet.gateways:
            await asyncio.to_thread(gateway.finish)
        complaints = chaos.complaints + _complaints(fleet)
        return _history(fleet, clients, chaos.done, gauges, complaints)


async def _warm_up(load: Load, fleet: Fleet) -> None:
    load.fill(3 * fleet.slots)
    await load.settle()
    await load.clients.close()


def _complaints(fleet: Fleet) -> list[str]:
    """Lines that no process should have written, and those that are missing."""
    gateways = fleet.gateways + fleet.crashed
    processes = [*gateways, *(worker.process for worker in fleet.all)]
    lines = [line for process in processes for line in process.lines if BAD.search(line)]
    begun = sum(one.count for one in fleet.gateways) + sum(map(_upgrades, gateways))
    stopped = sum(len(one.records("stopped")) for one in gateways)
    return lines if stopped == begun else [*lines, f"{stopped} of {begun} gateways stopped"]


def _upgrades(gateway: Gateway) -> int:
    """How many of its processes were replaced; a supervisor only stands by."""
    records = gateway.records("upgraded")
    return sum(("process" in record) == (gateway.count > 1) for record in records)


def _history(
    fleet: Fleet, clients: Clients, faults: list[Fault], gauges: Gauges, complaints: list[str]
) -> History:
    kinds = {worker.pid: worker.kind for worker in fleet.all}
    history = History(clients.outcomes, faults, gauges, kinds, clients.strays, complaints)
    for worker in fleet.all:
        history.add_visits(worker.journal.update())
    for gateway in fleet.gateways + fleet.crashed:
        history.add_lines(gateway.records())
    history.index()
    return history
