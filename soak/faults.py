"""What is broken, and how."""

import asyncio
import math
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from bench.console import say
from soak.fleet import Fleet, Worker
from soak.gateway import UpgradeRefused
from soak.journal import State
from soak.load import Load

AIM_SECONDS = 3.0
LOOK_SECONDS = 0.01
QUEUE = 1.5  # requests for each slot, so that some must wait
# A gateway that hears nothing for 15 s gives a worker up, and after a ping of gRPC's own that comes
# at the wrong moment for 5 s. Less must cost no request; and what was dropped for 2 s is sent again
# within 4 s.
# A gateway counts as dead after 3 s, and links wait for NATS for 15 s; an outage ends when servers
# are back for 2. Only on a machine that is too busy do these last longer.
HARMLESS_SECONDS = {
    "pause": 4.0,
    "flicker": 2.0,
    "freeze": 2.0,
    "stall": 2.0,
    "part": 2.0,
    "outage": 13.0,
}
# More than that, even for a worker that is heard every 5 s only.
SILENCE_SECONDS = 22.0
QUEUE_LIMIT = 500  # of the gateway, for a flood


@dataclass(slots=True)
class Fault:
    """One that was done, to the workers of these ids or, without any, to gateways and all workers.

    If it is of the clients of one gateway, too, `gateway` is its number.
    """

    kind: str
    pids: tuple[int, ...]
    begun: float
    ended: float = math.inf
    gateway: int | None = None

    @property
    def harmful(self) -> bool:
        """Workers lost requests by it, or could not answer them."""
        most = HARMLESS_SECONDS.get(self.kind, math.inf)
        return self.kind in HARMFUL or self.ended - self.begun > most


async def until(what: Callable[[], bool], seconds: float = math.inf) -> None:
    """Wait for this, which other processes and tasks bring about; at most so long."""
    deadline = monotonic() + seconds
    while not what() and monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(LOOK_SECONDS)


class Chaos:
    """Does faults to a fleet under load, and writes them down."""

    def __init__(self, fleet: Fleet, load: Load, seed: int) -> None:
        self._fleet = fleet
        self._load = load
        self._rng = random.Random(seed)
        # Of the faults of gateways, and of what is between them, one at a time.
        self._alone = asyncio.Lock()
        self.done: list[Fault] = []
        self.complaints: list[str] = []

    async def run(self, kinds: Iterator[str], hands: int) -> None:
        """Do these faults, several at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(hands):
                group.create_task(self._work(kinds))

    async def _work(self, kinds: Iterator[str]) -> None:
        for kind in kinds:
            await getattr(self, kind)()

    # ------------------------------------------------------------ workers

    async def drain(self) -> None:
        """SIGTERM, and a new worker."""
        worker = await self._take()
        await self._aim([worker])
        with self._fault("drain", worker):
            worker.process.send(signal.SIGTERM)
            await asyncio.gather(self._stopped(worker), self._fleet.start(worker.kind))

    async def roll(self) -> None:
        """New workers, and when they are there SIGTERM for the old ones."""
        workers = [await self._take(), await self._take()]
        await asyncio.gather(*(self._fleet.start(worker.kind) for worker in workers))
        await self._aim(workers)
        with self._fault("roll", *workers):
            for worker in workers:
                worker.process.send(signal.SIGTERM)
            await asyncio.gather(*map(self._stopped, workers))

    async def kill(self) -> None:
        """SIGKILL, and a new worker."""
        worker = await self._take()
        await self._aim([worker])
        with self._fault("kill", worker):
            worker.process.send(signal.SIGKILL)
            await self._fleet.end(worker)
        await self._fleet.start(worker.kind)

    async def pause(self) -> None:
        """SIGSTOP, and SIGCONT before anybody gives the worker up."""
        await self._stand_still("pause", self._rng.uniform(0.2, 3))

    async def silence(self) -> None:
        """SIGSTOP, and SIGCONT after it was given up."""
        await self._stand_still("silence", SILENCE_SECONDS)

    async def _stand_still(self, kind: str, seconds: float) -> None:
        worker = await self._take()
        await self._aim([worker])
        with self._fault(kind, worker):
            worker.process.send(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            worker.process.send(signal.SIGCONT)
        worker.taken = False

    async def _stopped(self, worker: Worker) -> None:
        if status := await self._fleet.end(worker):
            self.complaints.append(f"{worker} ended with {status} after SIGTERM")

    # ------------------------------------------------------------ the network, the gateway

    async def flicker(self) -> None:
        """The wire is cut for a moment."""
        await self._cut("flicker", self._rng.uniform(0.2, 1.2))

    async def blackout(self) -> None:
        """The wire is cut until both sides have given each other up."""
        await self._cut("blackout", SILENCE_SECONDS)

    async def _cut(self, kind: str, seconds: float) -> None:
        workers = await self._take_far()
        await self._aim(workers)
        with self._fault(kind, *workers):
            self._fleet.wire.cut()
            await asyncio.sleep(seconds)
            self._fleet.wire.mend()
        for worker in workers:
            worker.taken = False

    async def upgrade(self) -> None:
        """A new gateway takes the place of the old one, which finishes what it holds."""
        async with self._alone:
            await self._aim(self._fleet.workers)
            with self._fault("upgrade"):
                try:
                    await asyncio.to_thread(self._rng.choice(self._fleet.gateways).upgrade)
                except (UpgradeRefused, TimeoutError) as error:
                    self.complaints.append(f"the gateway was not upgraded: {error}")

    async def flood(self) -> None:
        """More requests at once than may wait."""
        await self._aim(self._fleet.workers)
        with self._fault("flood"):
            await self._load.flood(2 * QUEUE_LIMIT)
            await until(lambda: self._load.in_flight < 2 * QUEUE * self._fleet.slots)

    # ------------------------------------------------------------ each of them

    async def _take(self) -> Worker:
        """A worker that no other fault has to do with."""

        def free() -> list[Worker]:
            return [one for one in self._fleet.workers if not one.taken]

        await until(lambda: bool(free()))
        worker = self._rng.choice(free())
        worker.taken = True
        return worker

    async def _take_far(self) -> list[Worker]:
        """All workers behind the wire, once none of them comes or goes."""

        def far() -> list[Worker]:
            return [one for one in self._fleet.workers if one.kind.far]

        await until(lambda: not any(worker.taken for worker in far()))
        for worker in far():
            worker.taken = True
        return far()

    async def _aim(self, workers: Sequence[Worker]) -> None:
        """Wait for a moment at which these have requests in every state, but not for ever."""
        wanted = {State.LEASED, State.ANSWERING}
        if sum(worker.kind.slots for worker in workers) == 1:
            wanted = {self._rng.choice((State.LEASED, State.ANSWERING))}

        def busy() -> bool:
            queued = self._load.in_flight > self._fleet.slots
            self._load.fill(int(self._fleet.slots * QUEUE))
            return queued and wanted <= {state for one in workers for state in one.states()}

        await until(busy, AIM_SECONDS)

    @contextmanager
    def _fault(self, kind: str, *workers: Worker, gateway: int | None = None) -> Iterator[None]:
        pids = tuple(worker.pid for worker in workers)
        fault = Fault(kind, pids, monotonic(), gateway=gateway)
        self.done.append(fault)
        say(f"{len(self.done):4d} {kind} {', '.join(map(str, workers))}")
        yield
        fault.ended = monotonic()


# Each is what `Chaos` calls it.
FAULTS = ("drain", "roll", "kill", "pause", "silence", "flicker", "blackout", "upgrade", "flood")
HARMFUL = ("kill", "silence", "blackout", "crash")
