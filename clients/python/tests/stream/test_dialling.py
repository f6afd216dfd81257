"""One name, several addresses: the first that answers."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fake_gateway import GrpcGateway
from fake_rest import FakeRest

from prack_worker.errors import ConnectFailed
from prack_worker.rest.transport import RestTransport
from prack_worker.stream import dialling
from prack_worker.stream.grpc import GrpcTransport
from prack_worker.stream.plain import TcpTransport
from prack_worker.transport import Identity


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[dialling.Address]:
    """What the resolver says, to be filled by the test."""
    found: list[dialling.Address] = []

    async def resolve(*_: object, **__: object) -> list[dialling.Address]:
        return found

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    return found


def at(port: int) -> dialling.Address:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


async def test_a_silent_or_closed_address_does_not_keep_the_next(
    addresses: list[dialling.Address],
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as silent,
        socket.create_server(("127.0.0.1", 0)) as open_,
        socket.socket() as closed,
        socket.create_connection(silent.getsockname()),
    ):
        closed.bind(("127.0.0.1", 0))
        addresses += [at(one.getsockname()[1]) for one in (closed, silent, open_)]
        async with asyncio.timeout(3):
            with await dialling.dial("gateway", 1) as sock:
                assert sock.getpeername() in (open_.getsockname(), silent.getsockname())


async def test_nobody_there_says_why(addresses: list[dialling.Address]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        addresses += [at(closed.getsockname()[1])] * 2
        with pytest.raises(OSError, match="Connect call failed"):
            await dialling.dial("gateway", 1)


@pytest.mark.parametrize("host", ["a..b", ".x", 64 * "y"])
async def test_what_is_no_name_has_no_address(host: str) -> None:
    transport = TcpTransport(f"{host}:4242", Identity("w1"))
    with pytest.raises(ConnectFailed, match=f"^{host} has no address"):
        await transport.connect(lambda exchange: None, 1)


def test_families_take_turns() -> None:
    six = [(socket.AF_INET6, n) for n in range(3)]
    four = [(socket.AF_INET, 0)]
    assert dialling.interleave([*six, *four]) == [six[0], four[0], *six[1:]]


@contextmanager
def black_hole(port: int = 0) -> Iterator[tuple[str, int]]:
    """An address that takes no connection and does not say so."""
    with (
        socket.create_server(("127.0.0.2", port), backlog=0) as full,
        socket.create_connection(full.getsockname()),
    ):
        yield full.getsockname()


async def test_grpc_does_not_stay_at_a_silent_address() -> None:
    async with GrpcGateway.running() as gateway:
        with black_hole() as (host, port):
            transport = GrpcTransport(f"ipv4:{host}:{port},{gateway.address}", Identity("w1"))
            dial = asyncio.create_task(transport.connect(lambda exchange: None, 1))
            stream = await gateway.welcomed()
            async with asyncio.timeout(20):
                session = await dial
            stream.end()
            await session.close()


async def test_rest_does_not_stay_at_a_silent_address(addresses: list[dialling.Address]) -> None:
    async with FakeRest.running() as gateway:
        port = int(gateway.url.rpartition(":")[2])
        with black_hole(port):
            hosts = ("127.0.0.2", "127.0.0.1")
            addresses += [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (one, port)) for one in hosts]
            transport = RestTransport(f"http://gateway.example:{port}", Identity("w1"))
            dial = asyncio.create_task(transport.connect(lambda exchange: None, 1))
            (await gateway.poll()).answer(requests=[])
            async with asyncio.timeout(20):
                session = await dial
            await session.close()
            await transport.close()
