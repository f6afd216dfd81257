"""Random lives of gateways on a NATS that loses, delays and turns round what it carries."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, cast

import nats.errors
import pytest
from nats.aio.msg import Msg

from prack_grpc.bus.link import Link
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.connection import Connection
from prack_grpc.bus.nats.meeting import AWAY_SECONDS, NatsMeeting
from tests.bus.nats.party import Heard, Party
from tests.support.virtual_loop import VirtualLoop

IDS = ("aaaaaaaa", "bbbbbbbb", "cccccccc")
FAULTY_SECONDS = 120.0
QUIET_SECONDS = 60.0
Take = Callable[[Msg], Awaitable[None]]


class Weather:
    """What a bad NATS does to messages; `calm` it does nothing."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loss = self.random.choice((0.0, 0.02, 0.3))
        self.delay = self.random.choice((0.0, 0.01, 2.0))
        self.calm = False

    def carry(self, deliver: Callable[[], None]) -> None:
        """Deliver a message, or not, now or later."""
        loop = asyncio.get_running_loop()
        if self.calm:
            loop.call_soon(deliver)
        elif self.random.random() >= self.loss:
            loop.call_later(self.random.uniform(0, self.delay), deliver)


class FakeClient:
    """As much of a Connection as a meeting uses, to subjects in memory."""

    def __init__(self, subjects: dict[str, list["FakeClient"]], weather: Weather) -> None:
        self.is_closed = False
        self.over = asyncio.Event()
        self._subjects, self._weather = subjects, weather
        self._takes: dict[str, Take] = {}
        self._listeners: dict[str, Callable[[bytes], None]] = {}
        self._inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def subscribe(self, subject: str, cb: Take) -> "FakeClient":
        """See Client."""
        self._takes[subject] = cb
        self._subjects[subject].append(self)
        return self

    async def listen(self, subject: str, take: Callable[[bytes], None]) -> "FakeClient":
        """See Connection."""
        self._listeners[subject] = take
        self._subjects[subject].append(self)
        return self

    def post(self, subject: bytes, data: bytes, answer: bytes = b"") -> None:
        """See Connection; nobody is told that nobody listens."""
        if self.is_closed:
            return
        name = subject.decode()
        for client in self._subjects[name]:
            if client is not self:
                self._weather.carry(partial(client.put, name, data))

    async def flush(self, timeout: float) -> None:
        """See Client."""
        if self.is_closed:
            raise nats.errors.ConnectionClosedError

    async def unsubscribe(self) -> None:
        """See Subscription."""

    def put(self, subject: str, data: bytes) -> None:
        """A message has come."""
        if self.is_closed:
            return
        if take := self._listeners.get(subject):
            take(data)
        else:
            self._inbox.put_nowait((subject, data))

    def close(self) -> None:
        """Nothing comes any more."""
        self.is_closed = True
        self._reading.cancel()
        for clients in self._subjects.values():
            clients[:] = [client for client in clients if client is not self]

    async def _read(self) -> None:
        while True:
            subject, data = await self._inbox.get()
            await self._takes[subject](Msg(cast(Any, None), subject, data=data))


class FakeBus:
    """Connections that are lost now and then, for longer than links wait, too."""

    def __init__(self, subjects: dict[str, list[FakeClient]], weather: Weather) -> None:
        self._subjects, self._weather = subjects, weather
        self.client: FakeClient | None = None

    async def clients(self) -> AsyncIterator[Connection]:
        """See Bus."""
        chance = self._weather.random
        while True:
            self.client = FakeClient(self._subjects, self._weather)
            yield cast(Connection, self.client)
            await asyncio.sleep(chance.uniform(0, 60))
            if self._weather.calm:
                await asyncio.get_running_loop().create_future()
            self.client.close()
            await asyncio.sleep(chance.choice((0.1, 5.0, AWAY_SECONDS + 5)))


class Chatty(Party):
    """Numbers what it says, and names the link that it says it over."""

    async def talk(self, weather: Weather) -> None:
        """Until cancelled."""
        said: defaultdict[Link, int] = defaultdict(int)
        while True:
            for heard in [one for one in self.heard if not one.ends]:
                heard.link.send(b"%d %d %s" % (id(heard.link), said[heard.link], b"x" * 999))
                said[heard.link] += 1
            await asyncio.sleep(weather.random.uniform(0, 1))


def check(heard: Heard) -> None:
    """All of it was said over one link, in this order, and nothing between was lost."""
    parts = [message.split()[:2] for message in heard.messages]
    assert len({link for link, _ in parts}) <= 1
    assert [int(number) for _, number in parts] == list(range(len(parts)))


async def live(seed: int) -> None:
    """Three gateways in bad weather, and then in good."""
    weather = Weather(seed)
    subjects: dict[str, list[FakeClient]] = defaultdict(list)
    buses = [FakeBus(subjects, weather) for _ in IDS]
    parties = [Chatty(me, cast(Bus, bus)) for me, bus in zip(IDS, buses, strict=True)]
    meetings = [NatsMeeting(one.bus, one.me, "tests") for one in parties]
    running = [
        *(
            meeting.run(one.linked, one.wants)
            for meeting, one in zip(meetings, parties, strict=True)
        ),
        *(one.talk(weather) for one in parties),
    ]
    tasks = [asyncio.create_task(one) for one in running]
    await asyncio.sleep(FAULTY_SECONDS)
    weather.calm = True
    await asyncio.sleep(QUIET_SECONDS)
    links = [heard for one in parties for peer in IDS for heard in one.now(peer)]
    assert len(links) == len(IDS) * (len(IDS) - 1)
    before = [len(heard.messages) for heard in links]
    await asyncio.sleep(QUIET_SECONDS)
    assert not any(heard.ends for heard in links)
    assert all(len(now.messages) > then for now, then in zip(links, before, strict=True))
    for one in parties:
        for heard in one.heard:
            check(heard)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for bus in buses:
        if bus.client is not None:
            bus.client.close()


@pytest.mark.parametrize("seed", range(12))
def test_links_keep_their_word_and_come_back(seed: int) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live(seed))
