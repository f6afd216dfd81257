"""Wires carry bytes, drop them without a word, and carry them again."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest

from soak.wires import Namespace, Relay, Wire
from tests.acceptance.processes import PYTHON, SECONDS

# Sends a line when it is told to; TCP sees to it that none gets lost.
TALKER = """
import socket, sys
host, port = sys.argv[1].split(":")
with socket.create_connection((host, int(port))) as sock:
    for line in sys.stdin:
        sock.sendall(line.encode())
"""
A_WHILE = 0.3


@pytest.fixture(params=[Namespace, Relay])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Each of the two, where it can be had."""
    make: Callable[[], Wire] = request.param
    try:
        wire = make()
    except OSError as error:
        pytest.skip(f"network namespaces need root, ip and nft here: {error}")
    yield wire
    wire.close()


async def test_nothing_gets_through_while_it_is_cut(wire: Wire) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.put_nowait(line)
        writer.close()

    async with await asyncio.start_server(listen, wire.host, 0) as server:
        address = await wire.address(server.sockets[0].getsockname()[1])
        command = wire.command(PYTHON, "-c", TALKER, address)
        talker = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
        assert talker.stdin
        talker.stdin.write(b"before\n")
        assert await asyncio.wait_for(heard.get(), SECONDS) == b"before\n"
        wire.cut()
        talker.stdin.write(b"meanwhile\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.get(), A_WHILE)
        wire.mend()
        assert await asyncio.wait_for(heard.get(), SECONDS) == b"meanwhile\n"
        talker.stdin.close()
        assert await talker.wait() == 0
