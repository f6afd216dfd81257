"""A connection without a kernel between it and its client: what it reads, and when it does not."""

import asyncio
import socket
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from starlette.types import Receive, Scope, Send

from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.reader import HEAD_PIECE
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.request.client import Client

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
READ = GET * (256 * 1024 // len(GET))  # as much as a loop reads at once


class App:
    """Serves nothing until it is told to."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, scope: Scope, body: bytes, client: Client) -> bool:
        """See TakesWhole."""
        self.begun += 1
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope: not one that is here whole."""
        raise AssertionError("this request was here whole")


class Scene:
    """One connection, and whether it reads."""

    def __init__(self, sock: socket.socket) -> None:
        self.app = App()
        limits = ConnectionLimits()
        server = HttpServer(self.app, limits, Admission(limits, exempt=lambda _: True))
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.get_extra_info.side_effect = {"socket": sock, "sslcontext": None}.get
        self.transport.is_closing.return_value = False
        self.connection = Connection(server)
        self.connection.connection_made(self.transport)

    @property
    def reads(self) -> bool:
        """The connection wants more of what its client has sent."""
        calls = [name for name, _, _ in self.transport.method_calls if name.endswith("reading")]
        return calls[-1:] != ["pause_reading"]

    def answer(self) -> None:
        """A response to the running request."""
        reply = self.connection.reply()
        assert reply is not None
        reply.respond(204, [], b"")


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """One that nothing is sent through."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours


async def test_answers_do_not_make_it_read_more_than_it_holds(sock: socket.socket) -> None:
    scene, reads = Scene(sock), 0
    for number in range(200):
        while scene.reads:
            scene.connection.data_received(READ)
            reads += 1
        assert scene.app.begun == number + 1
        scene.answer()
    assert reads == 1


async def test_it_reads_on_when_most_of_it_is_answered(sock: socket.socket) -> None:
    scene = Scene(sock)
    scene.connection.data_received(READ)
    assert not scene.reads
    while not scene.reads:
        scene.answer()
    left = len(READ) - scene.app.begun * len(GET)
    parsed = HEAD_PIECE + len(GET)
    assert 0 < left <= ConnectionLimits().backlog_bytes + parsed
    scene.connection.connection_lost(None)
