"""Servers and gateways that die, hang, or are cut off, while two gateways talk."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from prack_grpc.bus.nats.meeting import AWAY_SECONDS, SILENT
from tests.bus.nats.party import Heard, Party, attending
from tests.support.nats_servers import NatsServers

A, B = "aaaaaaaa", "bbbbbbbb"
EVERY = 0.002


class Talk:
    """Two parties that send each other numbered messages, small and large ones."""

    def __init__(self, a: Party, b: Party, there: Heard, back: Heard) -> None:
        self.a, self.b = a, b
        self.ends = (there, back)
        self.sent = 0

    async def go_on(self) -> None:
        """Until cancelled."""
        while True:
            for end in self.ends:
                end.link.send(message(self.sent))
            self.sent += 1
            await asyncio.sleep(EVERY)

    async def heard_of(self, number: int, seconds: float = 30.0) -> None:
        """Wait until both have this message."""
        for party, end in zip((self.a, self.b), self.ends, strict=True):
            await party.changes.until(lambda end=end: len(end.messages) > number, seconds)

    async def settled(self, seconds: float = 30.0) -> None:
        """Wait until what is sent now has come; nothing was lost, doubled or turned round."""
        await self.heard_of(self.sent, seconds)
        for end in self.ends:
            assert not end.ends
            assert end.messages == [message(number) for number in range(len(end.messages))]


def message(number: int) -> bytes:
    """The content says which one it is."""
    return number.to_bytes(8) * (1 if number % 50 else 4_000)


@asynccontextmanager
async def talking(urls: tuple[str, ...]) -> AsyncIterator[Talk]:
    """Both are linked and in the middle of it."""
    async with attending(A, *urls) as a, attending(B, *urls) as b:
        talk = Talk(a, b, await a.link(B), await b.link(A))
        going = asyncio.create_task(talk.go_on())
        try:
            await talk.heard_of(100)
            yield talk
        finally:
            going.cancel()
            with suppress(asyncio.CancelledError):
                await going


def used(servers: NatsServers, party: Party) -> int:
    """The number of the server that this party is connected to."""
    return servers.ports.index(int(party.bus.server.rpartition(":")[2]))


async def test_a_server_that_is_killed_costs_nothing(servers: NatsServers) -> None:
    async with talking(servers.urls) as talk:
        for party in (talk.a, talk.b):
            number = used(servers, party)
            servers.kill(number)
            await talk.settled()
            servers.restart(number)


async def test_a_server_that_hangs_costs_nothing(servers: NatsServers) -> None:
    async with talking(servers.urls) as talk:
        number = used(servers, talk.a)
        servers.signal(number, signal.SIGSTOP)
        await talk.settled()
        assert used(servers, talk.a) != number
        servers.signal(number, signal.SIGCONT)
        await talk.settled()


async def test_all_servers_away_for_ten_seconds_cost_nothing(servers: NatsServers) -> None:
    async with talking(servers.urls) as talk:
        servers.kill(0, 1, 2)
        heard = talk.sent
        with pytest.raises(TimeoutError):
            await talk.heard_of(heard + 100, seconds=10.0)
        assert talk.a.bus.trouble
        servers.restart(0, 1, 2)
        await talk.settled()
        assert not talk.a.bus.trouble


async def test_a_server_that_is_about_to_stop_is_left_at_once(servers: NatsServers) -> None:
    async with talking(servers.urls) as talk:
        number = used(servers, talk.a)
        servers.signal(number, signal.SIGUSR2)  # its lame-duck mode
        await talk.a.changes.until(lambda: used(servers, talk.a) != number, seconds=2.0)
        await talk.settled()


async def test_links_end_when_nats_is_away_for_longer(server: NatsServers) -> None:
    async with talking(server.urls) as talk:
        server.kill(0)
        for end in talk.ends:
            await talk.a.changes.until(lambda end=end: bool(end.ends), AWAY_SECONDS + 5)
            assert end.ends == [SILENT.format(AWAY_SECONDS)]
        server.restart(0)
        await talk.a.link(B)
