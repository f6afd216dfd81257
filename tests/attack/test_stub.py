"""The server that stands behind a proxy in place of Prack."""

import socket
from collections.abc import Iterator

import pytest

from attack.app import LARGE, PIECES
from attack.stub import HUGE, SMALL
from tests.acceptance.processes import PYTHON, Process

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """One to a stub."""
    process = Process(PYTHON, "-m", "attack.stub")
    try:
        address = ("127.0.0.1", int(process.line(r"port: (\d+)")[1]))
        with socket.create_connection(address, 5.0) as sock:
            yield sock
    finally:
        process.kill()


def test_each_get_is_answered(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(GET % b"/")
        assert connection.recv(1024) == SMALL


def test_what_is_large_is_sent_as_it_is_read(connection: socket.socket) -> None:
    connection.sendall(GET % b"/large")
    with connection.makefile("rb") as stream:
        assert stream.read(len(HUGE)) == HUGE
        for _ in range(PIECES):
            assert stream.read(len(LARGE)) == LARGE
    connection.sendall(GET % b"/")
    assert connection.recv(1024) == SMALL


def test_an_upload_is_dropped(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    connection.sendall(b"1\r\nb\r\n0\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1024) == b""
