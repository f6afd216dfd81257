"""A gateway's part in the meeting of a cluster, without the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from nats.aio.client import Client

from prack_grpc.bus.link import Link
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.connection import Connection
from prack_grpc.bus.nats.meeting import NatsMeeting
from prack_grpc.bus.nats.servers import Servers

SECONDS = 30.0


class Changes:
    """Wakes whoever waits for something to become true."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Look again."""
        self._event.set()

    async def until(self, true: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait for it. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not true():
                self._event.clear()
                await self._event.wait()


class Heard:
    """What has come over one link, and how it ended."""

    def __init__(self, link: Link, changes: Changes) -> None:
        self.link = link
        self.messages: list[bytes] = []
        self.ends: list[str] = []
        self._changes = changes

    async def so_many(self, messages: int, seconds: float = SECONDS) -> None:
        """Wait until there are so many messages, or more."""
        await self._changes.until(lambda: len(self.messages) >= messages, seconds)

    async def over(self, seconds: float = SECONDS) -> str:
        """Wait until the link has ended, and say why."""
        await self._changes.until(lambda: bool(self.ends), seconds)
        return self.ends[0]

    def received(self, message: bytes) -> None:
        """See LinkReceiver."""
        assert not self.ends
        self.messages.append(message)
        self._changes.tell()

    def ended(self, reason: str) -> None:
        """See LinkReceiver."""
        self.ends.append(reason)
        self._changes.tell()


class Party:
    """Has a link to each other party; `heard` has all that there were."""

    def __init__(self, me: str, bus: Bus) -> None:
        self.me = me
        self.bus = bus
        self.heard: list[Heard] = []
        self.others: set[str] = set()  # who has another link
        self.changes = Changes()

    def linked(self, link: Link) -> Heard:
        """See Meeting."""
        self.heard.append(Heard(link, self.changes))
        self.changes.tell()
        return self.heard[-1]

    def wants(self, peer: str) -> bool:
        """See Meeting."""
        return peer not in self.others

    def now(self, peer: str) -> list[Heard]:
        """The link to this peer that is up, if there is one."""
        return [one for one in self.heard if one.link.peer == peer and not one.ends]

    async def link(self, peer: str, seconds: float = SECONDS) -> Heard:
        """Wait for one to this peer."""
        await self.changes.until(lambda: bool(self.now(peer)), seconds)
        return self.now(peer)[0]


async def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Look again and again. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def settled(client: Client) -> None:
    """Wait until the server has all that this client of nats-py has said.

    Its first PING goes before what is held back for a turn of the loop, the second one after it.
    """
    await client.flush()
    await client.flush()


@asynccontextmanager
async def running(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """It runs inside."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(servers: Servers) -> AsyncIterator[Connection]:
    """The first connection of a bus."""
    bus = Bus(servers, "test")
    async with running(bus.run()), asyncio.timeout(SECONDS):
        yield await anext(bus.clients())


async def trouble(servers: Servers) -> str:
    """Why a bus cannot be connected to them."""
    bus = Bus(servers, "test")
    before = bus.trouble
    async with running(bus.run()):
        await until(lambda: bus.trouble != before)
    assert not bus.server
    return bus.trouble


@asynccontextmanager
async def attending(me: str, *urls: str, cluster: str = "tests") -> AsyncIterator[Party]:
    """A party that is there until the end; its loop is that of the test."""
    party = Party(me, Bus(Servers(urls), me))
    meeting = NatsMeeting(party.bus, me, cluster)
    async with running(party.bus.run()), running(meeting.run(party.linked, party.wants)):
        yield party
