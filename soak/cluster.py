"""Several gateways that are one by NATS, and what can be broken of that."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soak.faults import Chaos
from soak.fleet import Fleet
from soak.load import Load
from soak.wires import Relay
from tests.acceptance.processes import launching
from tests.support.nats_servers import NatsServers

SERVERS = 3
# A gateway that others do not hear for 3 s is dead to them, and it speaks once a second.
MOMENT = 0.3, 1.5
AWAY_SECONDS = 10.0
# Until all have heard that a server is back, before the next one goes.
BACK_SECONDS = 2.0
CLUSTER_FAULTS = ("crash", "freeze", "server", "stall", "part", "outage")


class Cluster:
    """NATS servers, and a way to them that can be cut."""

    def __init__(self, servers: NatsServers) -> None:
        self.servers = servers
        self.way = Relay()

    async def flags(self, number: int) -> tuple[str, ...]:
        """With which the gateway of this number joins: all but the first have that way."""
        urls = self.servers.urls
        if number:
            urls = tuple([f"nats://{await self.way.address(one)}" for one in self.servers.ports])
        return ("--nats", ",".join(urls), "--cluster", "soak")


@contextmanager
def clustered(folder: Path) -> Iterator[Cluster]:
    """Servers that run inside."""
    with launching(folder) as launcher:
        cluster = Cluster(NatsServers(launcher, folder, SERVERS, "-js"))
        try:
            yield cluster
        finally:
            cluster.way.close()


class ClusterChaos(Chaos):
    """Also does what may happen to several gateways."""

    def __init__(self, fleet: Fleet, load: Load, seed: int, cluster: Cluster) -> None:
        super().__init__(fleet, load, seed)
        self._cluster = cluster

    async def crash(self) -> None:
        """SIGKILL for a gateway, and a new one in its place."""
        async with self._alone:
            number = self._rng.randrange(len(self._fleet.gateways))
            await self._aim(self._fleet.of(number))
            with self._fault("crash", *self._fleet.of(number), gateway=number):
                await asyncio.to_thread(self._fleet.crash, number)

    async def freeze(self) -> None:
        """SIGSTOP for a gateway, and SIGCONT before anybody gives it up."""
        async with self._alone:
            gateway = self._rng.choice(self._fleet.gateways)
            await self._aim(self._fleet.workers)
            with self._fault("freeze"):
                gateway.signal(signal.SIGSTOP)
                await asyncio.sleep(self._rng.uniform(*MOMENT))
                gateway.signal(signal.SIGCONT)

    async def server(self) -> None:
        """SIGKILL for a NATS server, and a new one."""
        servers, number = self._cluster.servers, self._rng.randrange(SERVERS)
        async with self._alone:
            await self._aim(self._fleet.workers)
            with self._fault("server"):
                servers.kill(number)
                await asyncio.sleep(self._rng.uniform(*MOMENT))
                await asyncio.to_thread(servers.restart, number)
                await asyncio.sleep(BACK_SECONDS)

    async def stall(self) -> None:
        """SIGSTOP for a NATS server, and SIGCONT."""
        servers, number = self._cluster.servers, self._rng.randrange(SERVERS)
        async with self._alone:
            await self._aim(self._fleet.workers)
            with self._fault("stall"):
                servers.signal(number, signal.SIGSTOP)
                await asyncio.sleep(self._rng.uniform(*MOMENT))
                servers.signal(number, signal.SIGCONT)

    async def part(self) -> None:
        """The way between the gateways but the first and NATS is cut for a moment."""
        async with self._alone:
            await self._aim(self._fleet.workers)
            with self._fault("part"):
                self._cluster.way.cut()
                await asyncio.sleep(self._rng.uniform(*MOMENT))
                self._cluster.way.mend()

    async def outage(self) -> None:
        """All NATS servers are away for ten seconds."""
        servers, all_ = self._cluster.servers, range(SERVERS)
        async with self._alone:
            await self._aim(self._fleet.workers)
            with self._fault("outage"):
                servers.kill(*all_)
                await asyncio.sleep(AWAY_SECONDS)
                await asyncio.to_thread(servers.restart, *all_)
                await asyncio.sleep(BACK_SECONDS)
