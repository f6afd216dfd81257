"""Two gateways talk over NATS while servers, gateways and networks die, hang or are cut."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from prack_grpc.bus.link import DEAD_SECONDS
from prack_grpc.bus.nats.link import FULL, ROOM
from prack_grpc.bus.nats.meeting import ANEW, AWAY_SECONDS, GONE_SECONDS, LEFT, SILENT
from prack_grpc.bus.nats.parcels import KIB, WINDOW
from soak.wires import Relay
from tests.acceptance.processes import PYTHON, Launcher
from tests.bus.nats.party import Heard, Party, attending
from tests.support.nats_servers import NatsServers

A, B = "aaaaaaaa", "bbbbbbbb"
EVERY = 0.002


@pytest.fixture
def one(launch: Launcher, tmp_path: Path) -> NatsServers:
    """One NATS server."""
    return NatsServers(launch, tmp_path, 1)


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> NatsServers:
    """A cluster of three."""
    return NatsServers(launch, tmp_path, 3)


@pytest.fixture
async def wire() -> AsyncIterator[Relay]:
    """A network that can be cut."""
    relay = Relay()
    yield relay
    relay.close()


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
        for end in self.ends:
            await end.so_many(number + 1, seconds)

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
async def talking(
    urls: tuple[str, ...], others: tuple[str, ...] | None = None
) -> AsyncIterator[Talk]:
    """Both are linked and in the middle of it; B may have other addresses of the servers."""
    async with attending(A, *urls) as a, attending(B, *(others or urls)) as b:
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
    """The number of the server that this party is connected to, -1 for none."""
    port = party.bus.server.rpartition(":")[2]
    return servers.ports.index(int(port)) if port else -1


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
        await talk.heard_of(talk.sent + 100)  # some of it can only go another way
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
        await talk.a.changes.until(lambda: used(servers, talk.a) not in (number, -1))
        await talk.settled()


async def test_links_end_when_nats_is_away_for_longer(one: NatsServers) -> None:
    async with talking(one.urls) as talk:
        one.kill(0)
        for end in talk.ends:
            assert await end.over(AWAY_SECONDS + 5) == SILENT.format(AWAY_SECONDS)
        one.restart(0)
        await talk.a.link(B)


async def test_a_cut_of_a_second_costs_nothing(one: NatsServers, wire: Relay) -> None:
    address = await wire.address(one.ports[0])
    async with talking(one.urls, (f"nats://{address}",)) as talk:
        wire.cut()
        await asyncio.sleep(1.0)
        wire.mend()
        await talk.settled()
        assert not talk.b.bus.trouble


async def test_who_is_cut_off_for_longer_is_linked_again(one: NatsServers, wire: Relay) -> None:
    address = await wire.address(one.ports[0])
    async with talking(one.urls, (f"nats://{address}",)) as talk:
        there, back = talk.ends
        wire.cut()
        assert await there.over() == SILENT.format(DEAD_SECONDS)
        assert talk.b.bus.trouble
        wire.mend()
        assert await back.over() in (ANEW, SILENT.format(AWAY_SECONDS))
        for party, peer, end in ((talk.a, B, there), (talk.b, A, back)):
            again = await party.link(peer)
            assert again is not end
            assert end.messages == [message(number) for number in range(len(end.messages))]


async def test_who_is_killed_is_gone_within_two_seconds(launch: Launcher, one: NatsServers) -> None:
    echo = launch.process(PYTHON, "-m", "tests.bus.nats.echo", B, *one.urls)
    async with attending(A, *one.urls) as a:
        heard = await a.link(B)
        echo.kill()
        assert await heard.over(GONE_SECONDS + 2) == LEFT


async def test_who_is_stopped_is_given_up_and_comes_back(
    launch: Launcher, one: NatsServers
) -> None:
    echo = launch.process(PYTHON, "-m", "tests.bus.nats.echo", B, *one.urls)
    async with attending(A, *one.urls) as a:
        heard = await a.link(B)
        heard.link.send(b"before")
        await heard.so_many(1)
        echo.send(signal.SIGSTOP)
        heard.link.send(b"lost with the link")
        assert await heard.over(DEAD_SECONDS + 2) == SILENT.format(DEAD_SECONDS)
        echo.send(signal.SIGCONT)
        again = await a.link(B)
        again.link.send(b"after")
        await again.so_many(1)
        assert (heard.messages, again.messages) == ([b"before"], [b"after"])


async def test_who_reads_nothing_holds_no_more_than_there_is_room_for(
    launch: Launcher, one: NatsServers
) -> None:
    echo = launch.process(PYTHON, "-m", "tests.bus.nats.echo", B, *one.urls)
    async with attending(A, *one.urls) as a:
        heard = await a.link(B)
        sent = [number.to_bytes(4) * KIB for number in range(2 * ROOM // (4 * KIB))]

        async def send_all() -> None:
            for one in sent:
                await heard.link.room()
                heard.link.send(one)

        echo.send(signal.SIGSTOP)
        sending = asyncio.create_task(send_all())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(sending), 1.0)
        echo.send(signal.SIGCONT)
        await sending
        await heard.so_many(len(sent))
        assert heard.messages == sent
        # And who does not ask for room loses the link before memory.
        echo.send(signal.SIGSTOP)
        while not heard.ends:
            heard.link.send(bytes(ROOM // 4))
            await asyncio.sleep(0)
        assert heard.ends == [FULL]
        echo.send(signal.SIGCONT)


async def test_a_gateway_stops_though_its_server_hangs(one: NatsServers) -> None:
    async with asyncio.timeout(6.0), talking(one.urls) as talk:
        for end in talk.ends:
            end.link.send(bytes(3 * WINDOW))
        one.signal(0, signal.SIGSTOP)
