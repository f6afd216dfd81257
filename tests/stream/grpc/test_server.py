"""Connections to the gRPC port that are nobody's, or too many."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from prack_grpc.composition import private_side
from prack_grpc.stream.grpc import server as grpc_server
from prack_grpc.stream.grpc.server import is_full
from tests.conftest import Gateway, Start
from tests.support.client import SECONDS, RawClient
from tests.support.scripted_worker import CONNECT, connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
# What the gateway imports, then a server that has a connection.
LISTEN = """
import prack_grpc.stream.grpc.server
import asyncio, grpc

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.read(1)
    writer.close()
    await server.stop(0)

asyncio.run(main())
"""
QUICK = {"grpc.server_handshake_timeout_ms": 300, "grpc.max_connection_idle_ms": 300}


@asynccontextmanager
async def connections(port: int, count: int, say: bytes) -> AsyncIterator[list[RawClient]]:
    """So many, on which this was said."""
    clients = [await RawClient.connect(port) for _ in range(count)]
    for client in clients:
        await client.send(say)
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def ended(client: RawClient) -> None:
    """Read to the end."""
    async with asyncio.timeout(client.seconds):
        while await client.reader.read(4096):
            pass


@pytest.mark.parametrize("say", [b"", b"PRI *", PREFACE], ids=["nothing", "little", "no call"])
async def test_who_calls_nothing_is_sent_away(
    start: Start, say: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_server, "OPTIONS", tuple((dict(grpc_server.OPTIONS) | QUICK).items()))
    gateway = await start()
    async with connections(gateway.grpc_port, 10, say) as clients:
        await asyncio.gather(*map(ended, clients))


async def test_a_worker_is_never_idle(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "OPTIONS", tuple((dict(grpc_server.OPTIONS) | QUICK).items()))
    gateway = await start()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        async with connections(gateway.grpc_port, 1, b"") as (client,):
            await ended(client)
        assert len(gateway.core.queue.sessions) == 1


async def test_there_is_a_bound_and_room_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_side, "grpc_places", lambda most: 5)
    gateway = await start()
    async with connections(gateway.grpc_port, 8, b"") as clients:
        ends = [asyncio.create_task(ended(client)) for client in clients]
        while sum(end.done() for end in ends) < 3:  # noqa: ASYNC110 - whoever is the first
            await asyncio.sleep(0.01)
        assert sum(end.done() for end in ends) == 3
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    async with asyncio.timeout(SECONDS):
        # gRPC takes a moment to see them gone, and does not say when.
        while not await welcomed(gateway.grpc_port):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_that_it_is_full_is_said_in_the_log(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(private_side, "grpc_places", lambda most: 5)
    monkeypatch.setattr(grpc_server, "LOOK_SECONDS", 0.02)
    gateway = await start()
    assert not await is_full("127.0.0.1", gateway.grpc_port)
    assert "gRPC port" not in caplog.text
    async with connections(gateway.grpc_port, 8, b"") as clients, asyncio.timeout(SECONDS):
        while "the gRPC port has as many" not in caplog.text:
            # Who looks may have had a place when these came: then one more takes it.
            clients.append(await RawClient.connect(gateway.grpc_port))
        while not await is_full("127.0.0.1", gateway.grpc_port):
            clients.append(await RawClient.connect(gateway.grpc_port))
    (record,) = [one for one in caplog.records if getattr(one, "action", "") == "grpc_full"]
    assert f":{gateway.grpc_port}`" in record.getMessage()


async def test_a_port_where_nobody_listens_is_not_full() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not await is_full(*bound.getsockname())


async def welcomed(port: int) -> bool:
    """A worker is let in now."""
    try:
        async with connect(port) as worker:
            await worker.hello()
    except grpc.aio.AioRpcError:
        return False
    return True


def test_connections_are_accepted_by_the_listener_that_costs_less() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    traced = {"GRPC_TRACE": "tcp,event_engine", "GRPC_VERBOSITY": "debug"}
    done = subprocess.run(
        [sys.executable, "-c", LISTEN],
        env=env | traced,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0
    assert "tcp_server_posix.cc" in done.stderr
    assert "posix_engine_listener.cc" not in done.stderr
    assert "Unknown experiment" not in done.stderr


@pytest.mark.parametrize(("error", "lines"), [(asyncio.CancelledError(), 0), (ValueError(), 1)])
async def test_a_call_that_ends_before_it_began_is_no_news(
    gateway: Gateway, error: BaseException, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert gateway.grpc_port
    try:
        raise error
    except (asyncio.CancelledError, ValueError):
        # As grpc.aio does when a call is cancelled between its arrival and its first step.
        logging.getLogger("grpc._cython.cygrpc").exception("Exception not handled")
    assert len(caplog.records) == lines


async def test_a_stop_leaves_no_call_behind(gateway: Gateway) -> None:
    """grpc.aio would print a traceback of those that the end of the loop cancels."""
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        calls = [one for one in asyncio.all_tasks() if CONNECT in one.get_name()]
        assert len(calls) == 1
        await gateway.running.stream.stop(0)
        assert calls[0].done()
