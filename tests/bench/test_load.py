"""The load generators, against servers that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.client import Broken, Connection, Pool, get
from bench.open_loop import Arrival, play, poisson

SECONDS = 20.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A server; its port."""
    async with asyncio.timeout(SECONDS):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


def answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return serve


def test_arrivals_are_the_same_for_the_same_seed() -> None:
    arrivals = poisson(100, 10, 3)
    assert arrivals == poisson(100, 10, 3)
    assert arrivals != poisson(100, 10, 4)
    assert 800 < len(arrivals) < 1200
    assert all(0 <= arrival.at < 10 for arrival in arrivals)


async def test_open_loop_does_not_wait_for_answers() -> None:
    all_here = asyncio.Barrier(5)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await all_here.wait()
        writer.write(OK)
        writer.close()

    async with listening(serve) as port:
        outcome = await play(port, [Arrival(0.01 * number) for number in range(5)])
    assert len(outcome.latencies) == 5
    assert outcome.errors == 0


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"])
async def test_open_loop_counts_what_is_no_answer(answer: bytes) -> None:
    async with listening(answering(answer)) as port:
        outcome = await play(port, [Arrival(0), Arrival(0)])
    assert (outcome.latencies, outcome.errors) == ([], 2)


async def test_client_reads_an_answer_in_pieces() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in OK:
            writer.write(bytes((byte,)))
            await writer.drain()
        writer.close()

    async with listening(serve) as port:
        connection = await Connection.open(port)
        assert await connection.ask(get()) == (200, b"ok")
        connection.close()


async def test_client_says_when_the_answer_is_cut() -> None:
    async with listening(answering(OK[:-1])) as port:
        connection = await Connection.open(port)
        with pytest.raises(Broken):
            await connection.ask(get())


async def test_pool_keeps_connections() -> None:
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
        writer.close()

    async with listening(serve) as port:
        pool = Pool(port)
        await pool.ask(get())
        await pool.ask(get())
        pool.close()
    assert opened == 1
