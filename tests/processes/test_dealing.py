"""Who is dealt the connections of workers, and how they arrive."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from prack_grpc.processes import dealing
from prack_grpc.processes.dealing import Address, Dealer, Dealt

ADDRESS = "127.0.0.1", 4242


class Player:
    """Takes up to `most` connections, and keeps them."""

    def __init__(self, load: int = 0, most: int = 100) -> None:
        self.first, self.most = load, most
        self.taken: list[tuple[socket.socket, Address]] = []
        self.changed, self.refused = asyncio.Event(), asyncio.Event()

    @property
    def load(self) -> int:
        """See dealing.Player."""
        return self.first + len(self.taken)

    def deal(self, connection: socket.socket, peer: Address) -> bool:
        """See dealing.Player."""
        if len(self.taken) == self.most:
            self.refused.set()
            return False
        self.taken.append((connection.dup(), peer))
        self.changed.set()
        return True


@asynccontextmanager
async def dealt(players: list[Player], count: int) -> AsyncIterator[list[socket.socket]]:
    """So many clients are connected inside, and the dealer deals."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dealer = Dealer(server, lambda: players)
        dealer.start()
        clients = [socket.create_connection(server.getsockname()) for _ in range(count)]
        try:
            yield clients
        finally:
            dealer.stop()
            for one in (*clients, *(sock for player in players for sock, _ in player.taken)):
                one.close()


async def until(players: list[Player], count: int) -> None:
    """Wait until so many are dealt."""
    async with asyncio.timeout(10):
        while sum(len(player.taken) for player in players) < count:
            for player in players:
                player.changed.clear()
            waits = [asyncio.ensure_future(player.changed.wait()) for player in players]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()


async def test_who_has_the_fewest_gets_the_next() -> None:
    players = [Player(load=2), Player(), Player(load=1)]
    async with dealt(players, 6) as clients:
        await until(players, 6)
        assert [player.load for player in players] == [3, 3, 3]
        peers = {peer for player in players for _, peer in player.taken}
        assert peers == {client.getsockname() for client in clients}


async def test_who_is_full_is_left_out() -> None:
    players = [Player(most=1), Player(load=9)]
    async with dealt(players, 3):
        await until(players, 3)
        assert [len(player.taken) for player in players] == [1, 2]


async def test_who_connects_while_nobody_takes_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "PAUSE_SECONDS", 0.01)
    players = [Player(most=0)]
    async with dealt(players, 1):
        await asyncio.wait_for(players[0].refused.wait(), 10)
        players[0].most = 1
        await until(players, 1)


async def test_whom_nobody_has_taken_at_the_end_may_dial_the_next_dealer() -> None:
    players = [Player(most=0)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        dealer = Dealer(server, lambda: players)
        dealer.start()
        reader, writer = await asyncio.open_connection(*server.getsockname())
        async with asyncio.timeout(10):
            await players[0].refused.wait()
            dealer.stop()
            assert await reader.read() == b""
    writer.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Dealt]]:
    """Where connections are given away, and where they arrive."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, Dealt(theirs, ADDRESS) as end:
        yield ours, end


def test_a_connection_arrives_as_from_a_listening_socket(ends: tuple[socket.socket, Dealt]) -> None:
    ours, end = ends
    near, far = socket.socketpair()
    with near, far:
        dealing.send(ours, far, ("2001:db8::1", 4711))
        arrived, peer = end.accept()
        with arrived:
            arrived.sendall(b"hello")
            assert near.recv(5) == b"hello"
    assert peer == ("2001:db8::1", 4711)
    assert end.getsockname() == ADDRESS
    assert end.taken == 1
    with end.dup() as again:
        assert again.getsockname() == ADDRESS


def test_without_a_supervisor_nothing_arrives(ends: tuple[socket.socket, Dealt]) -> None:
    ours, end = ends
    ours.close()
    with pytest.raises(OSError, match="no connections are dealt any more"):
        end.accept()


def test_a_full_channel_is_said_to_be_full(ends: tuple[socket.socket, Dealt]) -> None:
    ours, _ = ends
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):  # noqa: PT012 - how many fit is for the kernel to say
        for _ in range(100_000):
            dealing.send(ours, ours, ADDRESS)
