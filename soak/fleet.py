"""The processes of a soak: a gateway, and workers of every kind that come and go."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from soak.gateway import Succession
from soak.journal import FOLDER, Reader, State
from soak.wires import Wire, lay
from tests.acceptance.processes import PYTHON, Process

SECONDS = 120.0  # for a process to start, or to stop when it is asked to
RECENT = 100  # visits; older ones of a worker have ended


@dataclass(frozen=True)
class Kind:
    """`over` is what the worker speaks, `far` whether the wire is between it and the gateway."""

    over: str
    slots: int
    far: bool = False

    @property
    def scheme(self) -> str:
        """Of the address that it dials."""
        return self.over if self.streams else "http"

    @property
    def streams(self) -> bool:
        """It keeps a connection, whose end shows that it is gone."""
        return self.over in ("grpc", "prack")

    def __str__(self) -> str:
        return f"{self.over} worker" + (" far away" if self.far else "")


GRPC, PRACK, REST, RAW = Kind("grpc", 6), Kind("prack", 6), Kind("rest", 4), Kind("raw", 1)
FAR = (Kind("grpc", 6, far=True), Kind("prack", 6, far=True), Kind("rest", 4, far=True))
CONNECTED = re.compile(r"Connected to .*:(\d+)")
CREW = (GRPC, GRPC, PRACK, PRACK, REST, RAW, RAW, *FAR)


@dataclass(eq=False)
class Worker:
    """One worker process. While it is `taken` a fault has to do with it."""

    kind: Kind
    process: Process
    journal: Reader
    taken: bool = False

    @property
    def port(self) -> int:
        """Where it has connected last; 0 if nowhere yet."""
        ports = [found[1] for line in self.process.lines if (found := CONNECTED.search(line))]
        return int(ports[-1]) if ports else 0

    @property
    def pid(self) -> int:
        """Its process id, which its name at the gateway holds, too."""
        return self.process.popen.pid

    def states(self) -> set[State | None]:
        """Those in which it has requests now."""
        now = monotonic()
        return {visit.state(now) for visit in self.journal.update()[-RECENT:]}

    def __str__(self) -> str:
        return f"{self.kind} {self.pid}"


class Fleet:
    """All processes. Those that have ended are kept, for what they have said.

    Workers that are far away are those of the first gateway; the others have one of the gateways
    in turn, and know of the others.
    """

    def __init__(self, gateways: list[Succession], wire: Wire, folder: Path) -> None:
        self.gateways = gateways
        self.crashed: list[Succession] = []
        self.wire = wire
        self._folder = folder
        self._versions = itertools.count(1)
        self.workers: list[Worker] = []
        self.ended: list[Worker] = []

    @property
    def gateway(self) -> Succession:
        """The first one."""
        return self.gateways[0]

    @property
    def slots(self) -> int:
        """Of all workers together."""
        return sum(worker.kind.slots for worker in self.workers)

    @property
    def all(self) -> list[Worker]:
        """Also those that have ended."""
        return self.ended + self.workers

    async def start(self, kind: Kind) -> Worker:
        """A new worker, of a new version; it is connected."""
        number = next(self._versions)
        ports = [one.grpc_port if kind.over == "grpc" else one.api_port for one in self.gateways]
        first = number % len(ports)
        addresses = [f"{self.wire.host}:{port}" for port in ports[first:] + ports[:first]]
        if kind.far:
            addresses = [await self.wire.address(ports[0])]
        elif kind.over == "raw":
            del addresses[1:]
        url = ",".join(f"{kind.scheme}://{address}" for address in addresses)
        version = f"v{number}"
        command = _raw(url, version) if kind.over == "raw" else _worker(url, version, kind.slots)
        if kind.far:
            command = self.wire.command(*command)
        process = await asyncio.to_thread(self._process, command)
        worker = Worker(kind, process, Reader(self._folder, process.popen.pid), taken=True)
        self.workers.append(worker)
        await asyncio.to_thread(process.line, "Connected to", 1, SECONDS)
        worker.taken = False
        return worker

    def _process(self, command: tuple[str, ...]) -> Process:
        """With an id that no other worker had before: all that is written is told apart by it."""
        while True:
            process = Process(*command, env={FOLDER: str(self._folder)})
            if process.popen.pid not in [worker.pid for worker in self.all]:
                return process
            process.kill()  # before it has begun

    async def end(self, worker: Worker) -> int:
        """Wait until it has ended; its exit status."""
        status = await asyncio.to_thread(worker.process.wait, SECONDS)
        self.workers.remove(worker)
        self.ended.append(worker)
        return status

    def of(self, number: int) -> list[Worker]:
        """The workers of this gateway, as far as one can tell."""
        gateway = self.gateways[number]
        ports = gateway.api_port, gateway.grpc_port
        return [one for one in self.workers if one.port in ports or (one.kind.far and not number)]

    def crash(self, number: int) -> None:
        """Kill -9 a gateway, and have another one in its place."""
        gateway = self.gateways[number]
        gateway.kill()
        self.crashed.append(gateway)
        self.gateways[number] = gateway.again()

    def close(self) -> None:
        """Kill what is left, and keep what all have said."""
        for process in [*(worker.process for worker in self.workers), *self.gateways]:
            process.kill()
        for worker in self.all:
            _keep(worker.process, self._folder / f"{worker.pid}.log")
        for number, gateway in enumerate([*self.gateways, *self.crashed], 1):
            _keep(gateway, self._folder / f"gateway-{number}.log")


def _worker(url: str, version: str, slots: int) -> tuple[str, ...]:
    # WebSockets take the same slots, so that what runs at a time has one bound.
    slots_of = ("--slots", str(slots), "--websocket-slots", "0")
    about = ("--gateway", url, *slots_of, "--service", "soak", "--app-version", version)
    return (PYTHON, "-m", "prack_worker", "soak.app:app", *about)


def _raw(url: str, version: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "soak.raw_worker", url, version)


def _keep(process: Process, path: Path) -> None:
    path.write_text("".join(f"{line}\n" for line in process.lines))


@asynccontextmanager
async def started(folder: Path, flags: Sequence[tuple[str, ...]]) -> AsyncIterator[Fleet]:
    """The whole crew, with a gateway for each of these flags; nothing of it is left outside."""
    wire = lay()
    try:
        gateways = [await asyncio.to_thread(Succession, wire.host, *one) for one in flags]
        fleet = Fleet(gateways, wire, folder)
        try:
            await asyncio.gather(*map(fleet.start, CREW))
            yield fleet
        finally:
            await asyncio.to_thread(fleet.close)
    finally:
        wire.close()
