"""All links of a gateway: who is there, and the way to their private ports."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.peers.neighbourhood import PORT, beside
from tests.peers.waiting import SECONDS, until

A, B, C = "0000000a", "0000000b", "0000000c"
BODY = random.Random(1).randbytes(3_000_001)


async def test_each_knows_the_others(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B, C)) as (a, b, c):
        assert sorted(a.neighbours.names()) == [B, C]
        assert sorted(b.neighbours.names()) == [A, C]
        changed = asyncio.create_task(a.neighbours.changed())
        await c.leave()
        async with asyncio.timeout(SECONDS):
            await changed
        assert a.neighbours.names() == [B]


async def test_two_that_meet_twice_have_one_link(tmp_path: Path) -> None:
    async with beside(tmp_path / "one", tmp_path / "two", names=(A, B)) as (a, b):
        assert a.neighbours.names() == [B]
        assert [len(one.broker.links()) for one in (a, b)] == [1, 1]


async def test_a_tunnel_carries_any_amount_both_ways(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B)) as (a, _):
        reader, writer = await a.neighbours.dial(B, PORT)
        writer.write(BODY)
        async with asyncio.timeout(SECONDS):
            assert await reader.readexactly(len(BODY)) == BODY
        writer.close()


async def test_a_tunnel_that_is_not_read_holds_up_no_other(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B)) as (a, b):
        unread, stalled = await a.neighbours.dial(B, PORT)
        stalled.write(2 * BODY)
        for one, other in ((a, B), (b, A)):
            reader, writer = await one.neighbours.dial(other, PORT)
            writer.write(BODY)
            async with asyncio.timeout(SECONDS):
                assert await reader.readexactly(len(BODY)) == BODY
            writer.close()
        assert not unread.at_eof()
        stalled.transport.abort()


async def test_the_end_of_one_side_is_that_of_the_other(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B)) as (a, b):
        reader, writer = await a.neighbours.dial(B, PORT)
        writer.write(b"last")
        async with asyncio.timeout(SECONDS):
            assert await reader.readexactly(4) == b"last"
        await b.leave()
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        writer.close()


async def test_whom_there_is_no_link_to_cannot_be_dialled(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B)) as (a, _):
        with pytest.raises(ConnectionRefusedError, match=f"no link to the gateway {C}"):
            await a.neighbours.dial(C, PORT)
        reader, writer = await a.neighbours.dial(B, "nowhere")
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        writer.close()


async def test_peers_are_told_of_a_worker_that_has_joined(tmp_path: Path) -> None:
    async with beside(tmp_path / "meet", names=(A, B, C)) as (a, b, c):
        a.neighbours.joined("token", "w1", b"one")
        await until(lambda: bool(b.moved and c.moved))
        assert (a.moved, b.moved, c.moved) == (
            [],
            [("token", "w1", b"one")],
            [("token", "w1", b"one")],
        )
