"""Gateways in the loop of the test, each with the others as its neighbours."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from prack_grpc.composition.service import Service
from prack_grpc.neighbours.neighbours import Port, Row
from prack_grpc.settings.settings import Settings
from tests.conftest import Gateway
from tests.dashboard.conftest import Worker
from tests.rest.conftest import SECONDS, TLS
from tests.support import plain_worker

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Beside:
    """Implements Neighbours: the connections are those that links carry, the links are not.

    Nothing comes of a connection to a gateway that `hangs`.
    """

    gateways: dict[str, Gateway] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    _changes: asyncio.Event = field(default_factory=asyncio.Event)
    _held: list[socket.socket] = field(default_factory=list)

    def names(self) -> list[str]:
        return list(self.gateways)

    def rows(self) -> list[Row]:
        return [Row(name, "up", round_trip=0.001, lent=2) for name in self.gateways]

    async def changed(self) -> None:
        await self._changes.wait()

    def link(self, name: str, gateway: Gateway | None) -> None:
        """From now on this is a neighbour, or is none."""
        if gateway is None:
            del self.gateways[name]
        else:
            self.gateways[name] = gateway
        self._changes.set()
        self._changes = asyncio.Event()

    async def dial(self, gateway: str, port: Port) -> Streams:
        if gateway not in self.gateways:
            raise ConnectionRefusedError(gateway)
        ours, theirs = socket.socketpair()
        running = self.gateways[gateway].running
        if gateway in self.hangs:
            self._held.append(theirs)
        elif port == "admin":
            running.admin.adopt(theirs)
        else:
            running.rest.adopt(theirs, app=running.workers.relayed)
        return await asyncio.open_connection(sock=ours)

    def close(self) -> None:
        """Let go what hangs."""
        for held in self._held:
            held.close()


@dataclass
class Member:
    """One gateway, what it takes for its neighbours, and what one has with curl."""

    id: str
    gateway: Gateway
    beside: Beside
    rest: httpx2.AsyncClient
    admin: httpx2.AsyncClient
    stack: AsyncExitStack

    async def join(self, name: str, slots: int = 4, **fields: Any) -> Worker:
        """A worker dials in here."""
        connected = plain_worker.connect(self.gateway.api_port)
        script = await self.stack.enter_async_context(connected)
        await script.hello(name, slots, **fields)
        return Worker(script)

    async def told(self, path: str, **query: Any) -> Any:
        """What operators' commands are told."""
        reply = await self.rest.get(f"/api/v1/{path}", params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def shown(self, path: str, **query: Any) -> Any:
        """What the page is told."""
        reply = await self.admin.get(f"/api/v1/{path}", params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()


def link(*members: Member) -> None:
    """All of these are neighbours from now on."""
    for one in members:
        for other in members:
            if other is not one and other.id not in one.beside.gateways:
                one.beside.link(other.id, other.gateway)


def part(*members: Member) -> None:
    """None of these are neighbours of each other any more."""
    for one in members:
        for other in members:
            if other.id in one.beside.gateways:
                one.beside.link(other.id, None)


Join = Callable[..., Awaitable[Member]]


@pytest.fixture
async def alone(finer_ticks: None) -> AsyncIterator[Join]:
    """Starts gateways with these settings that have no neighbours yet."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Member:
            ports = dict.fromkeys(("port", "api_port", "grpc_port", "admin_port"), 0)
            values = {**ports, "grace": 0.2, "host": "127.0.0.1", **settings}
            beside = Beside()
            stack.callback(beside.close)
            service = Service(Settings.model_validate(values), neighbours=beside)
            gateway = Gateway(*await stack.enter_async_context(service.listening()))
            stack.push_async_callback(gateway.close)
            rest, admin = [
                await stack.enter_async_context(
                    httpx2.AsyncClient(
                        base_url=f"http://127.0.0.1:{port}",
                        timeout=SECONDS,
                        verify=TLS,
                        headers={"X-Prack-Request": "1"},
                    )
                )
                for port in (gateway.api_port, gateway.admin_port)
            ]
            return Member(service.gateway_id, gateway, beside, rest, admin, stack)

        yield start


@dataclass
class Pair:
    """Two gateways that are neighbours."""

    here: Member
    there: Member


@pytest.fixture
async def pair(alone: Join) -> Pair:
    """Two, with the default settings."""
    both = Pair(await alone(), await alone())
    link(both.here, both.there)
    return both
