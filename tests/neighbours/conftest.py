"""Gateways in the loop of the test, each with the others as its neighbours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prack_grpc.bus.folder import Folder
from prack_grpc.bus.link import Linked, Meeting, Wants
from prack_grpc.composition.service import Service
from prack_grpc.settings.settings import Settings
from tests.conftest import Gateway
from tests.dashboard.conftest import Worker
from tests.peers.conftest import broker
from tests.rest.conftest import SECONDS, TLS, until
from tests.support import plain_worker


class Gate:
    """Implements Meeting: nobody is met while it is shut, and to shut it ends all links."""

    def __init__(self, behind: Meeting) -> None:
        self._behind = behind
        self._open = asyncio.Event()
        self._shut = asyncio.Event()

    async def run(self, linked: Linked, wants: Wants) -> None:
        while True:
            await self._open.wait()
            meeting = asyncio.create_task(self._behind.run(linked, wants))
            try:
                await self._shut.wait()
            finally:
                meeting.cancel()
                await asyncio.gather(meeting, return_exceptions=True)

    def open(self) -> None:
        """Meet others."""
        self._shut.clear()
        self._open.set()

    def shut(self) -> None:
        """Part."""
        self._open.clear()
        self._shut.set()


@dataclass
class Member:
    """One gateway, its way to others, and what one has with curl."""

    id: str
    gateway: Gateway
    gate: Gate
    rest: httpx2.AsyncClient
    admin: httpx2.AsyncClient
    stack: AsyncExitStack

    @property
    def links(self) -> list[str]:
        """The neighbours of now."""
        return [one.gateway for one in broker(self.gateway).links()]

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


async def link(*members: Member) -> None:
    """All of these are neighbours from now on."""
    for member in members:
        member.gate.open()
    await until(lambda: all(len(one.links) == len(members) - 1 for one in members))


async def part(*members: Member) -> None:
    """None of these are neighbours of each other any more."""
    for member in members:
        member.gate.shut()
    await until(lambda: not any(member.links for member in members))


Join = Callable[..., Awaitable[Member]]


@pytest.fixture
async def alone(finer_ticks: None, tmp_path: Path) -> AsyncIterator[Join]:
    """Starts gateways with these settings that have no neighbours yet."""
    folder = tmp_path / "meet"
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Member:
            ports = dict.fromkeys(("port", "api_port", "grpc_port", "admin_port"), 0)
            values = {**ports, "grace": 0.2, "host": "127.0.0.1", **settings}
            gates: list[Gate] = []

            def meetings(name: str) -> list[Gate]:
                gates.append(Gate(Folder(folder, name)))
                return gates

            service = Service(Settings.model_validate(values), meetings=meetings)
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
            return Member(service.gateway_id, gateway, gates[0], rest, admin, stack)

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
    await link(both.here, both.there)
    return both
