"""A whole gateway on free ports, in the loop of the test."""

import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from prack_grpc import listener
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.bus.link import Meeting
from prack_grpc.composition.running import Running
from prack_grpc.composition.service import Service
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.gateway.app import PublicApp
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.settings.settings import Settings
from tests.support.client import RawClient
from tests.support.compiled import COMPILED

OWN_VARIABLES = ("PRACK_HYPOTHESIS", "TEST_EVERYTHING")
for name in [name for name in os.environ if name.startswith("PRACK_")]:
    if name not in OWN_VARIABLES:
        del os.environ[name]
# Where no bytecode is to be kept, each of hundreds of processes would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_sessionstart() -> None:
    """`make test-compiled` tests what is compiled, and no other run does."""
    files = {name: str(import_module(name).__file__) for name in COMPILED}
    ending = ".so" if "TEST_COMPILED" in os.environ else ".py"
    if others := [name for name, file in files.items() if not file.endswith(ending)]:
        pytest.exit(f"expected {ending}: {others}", returncode=4)


@dataclass
class Gateway:
    """The ports of a gateway that is up, and its inside."""

    running: Running
    port: int
    clients: list[RawClient] = field(default_factory=list)

    @property
    def core(self) -> Dispatcher:
        """What decides."""
        broker = self.running.broker
        assert isinstance(broker, MemoryBroker)
        return broker.dispatcher

    @property
    def api_port(self) -> int:
        """REST."""
        return self.running.api_port

    @property
    def admin_port(self) -> int:
        """The page and its figures."""
        return self.running.admin.port

    @property
    def grpc_port(self) -> int:
        """gRPC."""
        return self.running.grpc_port

    async def client(self) -> RawClient:
        """A new connection to the public port, closed at the end of the test."""
        client = await RawClient.connect(self.port)
        self.clients.append(client)
        return client

    def connections(self) -> list[Connection]:
        """The open connections of the public port."""
        found = [one for one in gc.get_objects() if issubclass(type(one), Connection)]
        public = [one for one in found if isinstance(one.server.app, PublicApp)]
        return [one for one in public if one in one.server.connections]

    async def close(self) -> None:
        """Close what tests have left open."""
        for client in self.clients:
            await client.close()


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def finer_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that stops looks ten times as often who is still there; all times stay the same."""
    monkeypatch.setattr(listener, "TICK_SECONDS", listener.TICK_SECONDS / 10)
    monkeypatch.setattr(listener, "IDLE_TICKS", listener.IDLE_TICKS * 10)
    monkeypatch.setattr(listener, "NEW_TICKS", listener.NEW_TICKS * 10)


@pytest.fixture
async def start(finer_ticks: None) -> AsyncIterator[Start]:
    """Starts gateways with these settings; ports are free ones, the grace period short."""
    async with AsyncExitStack() as stack:

        async def start(
            guard: ConnectionLimits | None = None,
            meetings: Callable[[str], Sequence[Meeting]] = lambda _: (),
            **settings: Any,
        ) -> Gateway:
            values = {
                "port": 0,
                "api_port": 0,
                "grpc_port": 0,
                "admin_port": 0,
                "grace": 0.2,
                "host": "127.0.0.1",
            }
            known = Settings.model_validate(values | settings)
            service = Service(known, guard, meetings=meetings)
            gateway = Gateway(*await stack.enter_async_context(service.listening()))
            stack.push_async_callback(gateway.close)
            return gateway

        yield start


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    """A gateway with the default settings."""
    return await start()
