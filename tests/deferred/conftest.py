"""Stores of each kind, to which the same tests apply."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.servers import Servers
from prack_grpc.deferred.jetstream.store import JetStreamStore
from prack_grpc.deferred.sqlite import SqliteStore
from prack_grpc.deferred.store import Store
from tests.acceptance.processes import Launcher, launching
from tests.bus.nats.party import running
from tests.deferred.building import MIB
from tests.support.nats_servers import NatsServers


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts programs, which are gone at the end."""
    with launching(tmp_path_factory.mktemp("nats")) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def stored(launch: Launcher, tmp_path_factory: pytest.TempPathFactory) -> NatsServers:
    """One server with JetStream."""
    return NatsServers(launch, tmp_path_factory.mktemp("jetstream"), 1, "-js")


@pytest.fixture(params=["sqlite", "jetstream"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store without jobs, whose jobs this process takes."""
    async with AsyncExitStack() as stack:
        made: Store
        if request.param == "sqlite":
            made = SqliteStore(tmp_path / "store.db", 4 * MIB)
        else:
            server: NatsServers = request.getfixturevalue("stored")
            bus = Bus(Servers(server.urls), "test")
            await stack.enter_async_context(running(bus.run()))
            made = JetStreamStore(bus, tmp_path.name, "0123abcd", 4 * MIB)
        async with asyncio.timeout(30):
            while not await made.lead():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
        yield made
        await made.close()
