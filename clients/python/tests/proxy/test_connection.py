"""One connection to the application, over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from scripted_app import scripted

from prack_worker.errors import ApplicationFailed
from prack_worker.proxy.address import Address
from prack_worker.proxy.connection import MAX_HELD, Connection
from prack_worker.proxy.upstream import Upstream

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\ncontent-length: %d\r\n\r\n"

Loop = Callable[[], asyncio.AbstractEventLoop]
on_each_loop = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@on_each_loop
def test_a_request_over_a_connection_that_was_closed_meanwhile_has_no_answer(loop: Loop) -> None:
    async def late() -> None:
        async with scripted() as application:
            connection = await application.upstream.dial()
            (await application.taken()).close()
            with pytest.raises(ApplicationFailed):
                await connection.head()
            connection.request("GET", b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ApplicationFailed):
                await connection.head()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(late())


def listening(path: Path | None) -> tuple[socket.socket, Address]:
    """On a port, or on a Unix socket."""
    if path is None:
        server = socket.create_server(("127.0.0.1", 0))
        return server, Address("127.0.0.1", server.getsockname()[1])
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server, Address(path=str(path))


@asynccontextmanager
async def hasty(path: Path | None, said: bytes) -> AsyncIterator[Connection]:
    """To an application that has said this and closed, and read one byte of a request.

    The next write fails before anything of it is read.
    """
    server, address = listening(path)
    with server:
        connection = await Upstream(address).dial()
        talk, _ = server.accept()
        with talk:
            connection.request("POST", b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % MIB)
            await asyncio.to_thread(talk.recv, 1)
            talk.sendall(said)
    try:
        connection.write(bytes(MIB))
        yield connection
    finally:
        connection.close()


async def content(connection: Connection) -> bytes:
    """All of the body."""
    pieces, end = [], False
    while not end:
        data, end = await connection.body()
        assert len(data) <= MAX_HELD
        pieces.append(data)
    return b"".join(pieces)


@on_each_loop
@pytest.mark.parametrize(("on_path", "size"), [(False, 3), (True, 3), (True, 2 * MAX_HELD)])
def test_an_answer_to_a_request_that_was_not_read_is_not_lost(
    tmp_path: Path, loop: Loop, on_path: bool, size: int
) -> None:
    async def refused() -> None:
        path = tmp_path / "app.sock" if on_path else None
        async with hasty(path, TOO_LARGE % size + b"x" * size) as connection:
            await connection.writable()
            assert (await connection.head())[0] == 413
            assert await content(connection) == b"x" * size
            assert connection.lost

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(refused())


@on_each_loop
@pytest.mark.parametrize("said", [OK + b"\r\nhalf", OK + b"content-length: 9\r\n\r\nhalf"])
def test_half_an_answer_before_a_reset_is_not_all_of_it(loop: Loop, said: bytes) -> None:
    async def broken() -> None:
        async with hasty(None, said) as connection:
            await connection.head()
            assert await connection.body() == (b"half", False)
            with pytest.raises(ApplicationFailed, match="its connection was lost: "):
                await connection.body()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(broken())


@on_each_loop
def test_what_is_left_of_a_connection_is_closed_with_it(loop: Loop) -> None:
    async def left() -> None:
        async with hasty(None, OK + b"content-length: 9\r\n\r\n") as connection:
            await connection.head()
        with pytest.raises(ApplicationFailed):
            await connection.body()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(left())
