"""Two gateways and the connection on which they share the slots of workers."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.limits import Limits
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sharing import Sharing
from prack_grpc.handover.successor import READY, SLOTS
from tests.broker.scene import Receiver, joined, within
from tests.core.building import a_request
from tests.rest.conftest import until


class Pair:
    """Both; the old one has a worker with two slots, and has handed it a request."""

    def __init__(self, channel: socket.socket, predecessor: Predecessor) -> None:
        self.channel = channel
        self.predecessor = predecessor
        self.old, self.new = MemoryBroker(Limits()), MemoryBroker(Limits())
        self.before = joined(self.old, slots=2)
        self.old.submit(a_request(), b"", True)
        self.sharing = Sharing(self.old.overlap), Sharing(self.new.overlap)

    async def ask(self) -> Receiver:
        """The same worker at the new one, for which three requests wait."""
        await self.sharing[1].follow(self.predecessor)
        await self.predecessor.relieve()
        assert self.channel.recv(99) == READY
        after = joined(self.new, slots=2)
        for _ in range(3):
            self.new.submit(a_request(), b"", True)
        assert after.handed == []
        return after

    async def passed(self) -> socket.socket:
        """The connection that the new one has passed to the old one."""
        received = await asyncio.to_thread(socket.recv_fds, self.channel, 1, 1)
        what, (number,), _, _ = received
        assert what == SLOTS
        return socket.socket(fileno=number)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Their channel is that of an upgrade."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b'{"names": [], "grpc_port": 4243}')
        predecessor = Predecessor(theirs)
        pair = Pair(ours, predecessor)
        yield pair
        for sharing in pair.sharing:
            await sharing.end()
    await within(predecessor.gone.wait())


async def handed(receiver: Receiver, count: int) -> None:
    """Wait until a worker was handed so many."""
    await until(lambda: len(receiver.handed) >= count)
    assert len(receiver.handed) == count


async def test_the_new_gateway_uses_what_the_old_one_does_not(pair: Pair) -> None:
    after = await pair.ask()
    pair.sharing[0].leave(await pair.passed())
    await handed(after, 1)
    pair.old.head(pair.before.handed[0], 200, [], b"ok", True)
    await handed(after, 2)


async def test_the_old_gateway_gets_back_what_it_needs(pair: Pair) -> None:
    after = await pair.ask()
    pair.sharing[0].leave(await pair.passed())
    await handed(after, 1)
    pair.old.submit(a_request(), b"", True)
    answered: set[Assignment] = set()

    def given_back() -> bool:
        for assignment in after.handed:
            if assignment not in answered:
                pair.new.head(assignment, 200, [], b"ok", True)
                answered.add(assignment)
        return len(pair.before.handed) == 2

    await until(given_back)


async def test_all_slots_are_the_new_gateways_once_the_old_one_has_gone(pair: Pair) -> None:
    after = await pair.ask()
    pair.sharing[0].leave(await pair.passed())
    await handed(after, 1)
    await pair.sharing[0].end()
    await handed(after, 2)


async def test_all_slots_are_the_old_gateways_if_the_new_one_dies(pair: Pair) -> None:
    after = await pair.ask()
    pair.sharing[0].leave(await pair.passed())
    await handed(after, 1)
    pair.old.submit(a_request(), b"", True)
    await pair.sharing[1].end()
    await handed(pair.before, 2)


async def test_an_older_version_that_knows_nothing_of_it_shares_nothing(pair: Pair) -> None:
    after = await pair.ask()
    with await pair.passed() as sock:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await handed(after, 2)


async def test_a_gateway_that_has_died_before_shares_nothing(pair: Pair) -> None:
    await pair.sharing[1].follow(pair.predecessor)
    after = joined(pair.new, slots=2)
    pair.new.submit(a_request(), b"", True)
    pair.channel.close()
    await pair.predecessor.relieve()
    await handed(after, 1)


async def test_who_comes_after_the_end_is_left_alone() -> None:
    sharing = Sharing(MemoryBroker(Limits()).overlap)
    await sharing.end()
    ours, theirs = socket.socketpair()
    with ours:
        sharing.leave(theirs)
        assert ours.recv(1) == b""
