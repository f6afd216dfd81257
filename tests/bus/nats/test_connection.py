"""The end of a connection, however its server behaves."""

import asyncio
import signal
from pathlib import Path

import nats.errors
import pytest
import uvloop

from prack_grpc.bus.nats.connection import Connection, unless_cancelled
from prack_grpc.bus.nats.parcels import PARCEL
from tests.support.nats_servers import NatsServers

MUCH = 400  # parcels: more than sockets hold


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
async def test_it_is_over_soon_though_much_is_unsent(
    server: NatsServers, fault: signal.Signals
) -> None:
    client = Connection(lambda _: None)
    await client.open(list(server.urls), "test", {})
    server.signal(0, fault)
    for _ in range(MUCH):
        if not client.is_closed:
            client.post(b"prack.tests.nobody", bytes(PARCEL))
    async with asyncio.timeout(4.0):
        await client.over.wait()
        await client.close()
    assert client.trouble


def test_what_is_posted_while_it_ends_is_lost(server: NatsServers) -> None:
    """The transport is closed before nats-py hears of it; that of uvloop takes nothing more."""

    async def post_to_the_end() -> None:
        client = Connection(lambda _: None)
        await client.open(list(server.urls), "test", {})
        server.signal(0, signal.SIGKILL)
        async with asyncio.timeout(4.0):
            while not client.over.is_set():
                client.post(b"prack.tests.nobody", b"late")
                await asyncio.sleep(0)
        await client.close()

    uvloop.run(post_to_the_end())


class Cut(Connection):
    """One whose transport can be closed before nats-py hears of it."""

    def cut(self) -> None:
        assert self._wire is not None
        self._wire.abort()


def test_what_is_said_while_it_ends_is_refused_as_nats_does(server: NatsServers) -> None:
    async def say_what_is_too_late() -> None:
        client = Cut(lambda _: None)
        await client.open(list(server.urls), "test", {})
        client.cut()
        for said in (client.publish("prack.a"), client.subscribe("prack.a"), client.flush()):
            with pytest.raises(nats.errors.ConnectionClosedError):
                await said
        async with asyncio.timeout(4.0):
            await client.over.wait()
        await client.close()

    uvloop.run(say_what_is_too_late())


async def test_a_cancellation_that_was_lost_is_made_up_for() -> None:
    async def loses() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            unless_cancelled()
        raise AssertionError("it went on")

    task = asyncio.create_task(loses())
    await asyncio.sleep(0)
    unless_cancelled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_seed_that_is_none_is_said_so(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_text("SUWRONG")
    client = Connection(lambda _: None)
    with pytest.raises(ValueError, match="invalid seed"):
        await client.open(["nats://127.0.0.1:9"], "test", {"nkeys_seed": str(seed)})
    await client.close()
