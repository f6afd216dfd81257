"""A connection without a kernel between it and its client: what it reads, and when it does not."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.overhead import CHUNKED_PIECE
from prack_grpc.gateway.http.reader import HEAD_PIECE, HEADS
from prack_grpc.gateway.http.server import FEW_STARTS, STARTS, HttpServer
from prack_grpc.gateway.request.client import Client
from prack_grpc.turns import GOINGS
from tests.support.transport import KeptTransport

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
AT_ONCE = 256 * 1024  # as much as a loop reads at once
READ = GET * (AT_ONCE // len(GET))
CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = b"1\r\na\r\n"
CHUNKS = CHUNK * (AT_ONCE // len(CHUNK))


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


class AtOnce(App):
    """Answers at once all but the first."""

    def begin(self, scope: Scope, body: bytes, client: Client) -> bool:
        """See TakesWhole."""
        reply = client.reply() if self.begun else None
        super().begin(scope, body, client)
        if reply is not None:
            reply.respond(204, [], b"")
        return True


class Tasks(App):
    """Answers each request in a task."""

    answered = 0

    def begin(self, scope: Scope, body: bytes, client: Client) -> bool:
        """See TakesWhole."""
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.answered += 1


class Taking(App):
    """Takes the body of every upload, and counts its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        while (message := await receive())["type"] == "http.request":
            self.taken += len(message["body"])


def serving(app: App) -> HttpServer:
    """A server without a socket."""
    limits = ConnectionLimits()
    return HttpServer(app, limits, Admission(limits, exempt=lambda _: True))


class Scene:
    """One connection, and whether it reads."""

    def __init__(self, sock: socket.socket, server: HttpServer | None = None) -> None:
        self.app = App()
        server = server or serving(self.app)
        self.transport = KeptTransport(sock)
        self.connection = Connection(server)
        self.connection.connection_made(self.transport)

    @property
    def reads(self) -> bool:
        """Whether it wants more of what its client has sent."""
        return self.transport.reads

    @property
    def closed(self) -> bool:
        """Whether the gateway has ended it."""
        return self.transport.closed

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
        await turns(1)
    assert reads == 1


async def test_it_reads_on_when_most_of_it_is_answered(sock: socket.socket) -> None:
    scene = Scene(sock)
    scene.connection.data_received(READ)
    assert not scene.reads
    while not scene.reads:
        scene.answer()
        await turns(1)
    left = len(READ) - scene.app.begun * len(GET)
    parsed = HEAD_PIECE + len(GET)
    assert 0 < left <= ConnectionLimits().backlog_bytes + parsed
    scene.connection.connection_lost(None)


async def test_a_crowd_with_tiny_chunks_takes_no_more_of_a_turn_than_one(
    sock: socket.socket,
) -> None:
    server = serving(app := Taking())
    scenes = [Scene(sock, server) for _ in range(10)]
    for scene in scenes:
        scene.connection.data_received(CHUNKED + CHUNKS)
        assert not scene.reads
    await turns(10)
    for _ in range(50):
        before = app.taken
        await turns(1)
        assert 0 < app.taken - before <= CHUNKED_PIECE // len(CHUNK) + 1
    for scene in scenes:
        scene.connection.connection_lost(None)
    await turns(10)


async def test_what_refused_clients_go_on_sending_takes_turns(sock: socket.socket) -> None:
    server = serving(App())
    scenes = [Scene(sock, server) for _ in range(3)]
    for scene in scenes:
        scene.connection.data_received(b"no request\r\n")
        scene.connection.data_received(READ)
    for reading in range(4):
        assert sum(scene.reads for scene in scenes) == reading
        await turns(1)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_of_a_crowd_of_requests_behind_others_one_starts_in_a_turn(
    sock: socket.socket,
) -> None:
    server = serving(app := App())
    scenes = [Scene(sock, server) for _ in range(5)]
    for scene in scenes:
        scene.connection.data_received(GET * 2)
    for scene in scenes:
        scene.answer()
    for begun in range(6):
        assert app.begun == len(scenes) + begun
        await turns(1)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_what_comes_meanwhile_brings_no_request_its_turn(sock: socket.socket) -> None:
    server = serving(app := App())
    scenes = [Scene(sock, server) for _ in range(4)]
    for scene in scenes:
        scene.connection.data_received(GET * 2)
        scene.answer()
    for begun in range(5):
        for scene in scenes:
            if scene.reads:
                scene.connection.data_received(GET)
        assert app.begun == len(scenes) + min(begun, 4)
        await turns(1)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_what_is_answered_at_once_brings_none_behind_it_its_turn(sock: socket.socket) -> None:
    scene = Scene(sock, serving(app := AtOnce()))
    scene.connection.data_received(GET * 100)
    scene.answer()
    begun = app.begun
    while app.begun < 100:
        await turns(1)
        assert begun < app.begun <= begun + HEADS
        begun = app.begun
    scene.connection.connection_lost(None)


async def test_nothing_behind_the_last_request_is_served(sock: socket.socket) -> None:
    scene = Scene(sock, server := serving(app := App()))
    server.leaving = True
    scene.connection.data_received(GET * 4)
    scene.answer()
    await turns(4)
    assert (app.begun, scene.closed) == (1, True)


async def test_nothing_behind_an_answer_that_came_at_once_and_is_the_last_is_served(
    sock: socket.socket,
) -> None:
    scene = Scene(sock, server := serving(app := AtOnce()))
    app.begun, server.leaving = 1, True  # it answers the first, too
    scene.connection.data_received(GET * 2)
    await turns(4)
    assert (app.begun, scene.closed) == (2, True)


async def test_of_a_crowd_that_asks_at_once_few_begin_in_a_turn(sock: socket.socket) -> None:
    server = serving(app := App())
    scenes = [Scene(sock, server) for _ in range(3 * STARTS + 1)]
    for scene in scenes:
        scene.connection.data_received(GET)
    scenes[-1].connection.data_received(GET)  # does not bring it forward, and is read no more
    assert not scenes[-1].reads
    assert 0 < app.begun <= STARTS
    while (begun := app.begun) < len(scenes):
        await turns(1)
        assert begun < app.begun <= begun + STARTS
    assert all(scene.reads for scene in scenes)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_each_turn_has_all_its_starts_though_nobody_has_waited(sock: socket.socket) -> None:
    server = serving(App())
    server.starts.left = FEW_STARTS
    scene = Scene(sock, server)
    scene.connection.data_received(GET)
    assert server.starts.left < FEW_STARTS
    await turns(1)
    assert server.starts.left == STARTS
    scene.connection.connection_lost(None)


async def test_a_request_starts_though_what_comes_behind_it_is_dropped(sock: socket.socket) -> None:
    scene = Scene(sock)
    scene.connection.data_received(GET * 2 + b"gar\x01bage\r\n")
    scene.connection.data_received(b"x")
    scene.answer()
    await turns(3)
    assert scene.app.begun == 2
    scene.connection.connection_lost(None)


async def test_a_request_that_came_with_the_end_has_its_turn_before(sock: socket.socket) -> None:
    scene = Scene(sock, server := serving(app := Tasks()))
    server.starts.left = 0
    scene.connection.data_received(GET)
    assert scene.connection.eof_received()
    await turns(4)
    assert (app.answered, scene.closed) == (1, True)
    scene.connection.connection_lost(None)


async def test_who_waits_for_his_turn_is_not_late(sock: socket.socket) -> None:
    limits = ConnectionLimits(head_seconds=0.01)
    server = HttpServer(app := App(), limits, Admission(limits, exempt=lambda _: True))
    scenes = [Scene(sock, server) for _ in range(3 * STARTS)]
    for scene in scenes:
        scene.connection.data_received(GET)
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.02
    while loop.time() < until:  # this turn is long
        pass
    while app.begun < len(scenes):
        await turns(1)
        assert not any(scene.closed for scene in scenes)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_who_waits_for_his_turn_is_served_before_the_server_stops(
    sock: socket.socket,
) -> None:
    scene = Scene(sock, server := serving(app := App()))
    server.starts.left = 0
    scene.connection.data_received(GET)
    scene.connection.shutdown()
    await turns(1)
    assert (app.begun, scene.closed) == (1, False)
    scene.connection.connection_lost(None)


async def test_who_leaves_before_it_is_his_turn_is_not_served(
    sock: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(sock, serving(app := App()))
    scene.connection.data_received(GET * 2)
    scene.answer()
    scene.transport.closing = True
    scene.connection.connection_lost(None)
    await turns(2)
    assert (app.begun, caplog.records) == (1, [])


async def test_a_request_that_breaks_before_it_is_its_turn_is_not_served(
    sock: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(sock)
    scene.connection.data_received(GET + CHUNKED)
    scene.answer()
    scene.connection.data_received(b"no chunk\r\n")
    await turns(2)
    assert b" 400 " in scene.transport.written[-1]
    assert (scene.app.begun, caplog.records) == (1, [])
    scene.connection.connection_lost(None)


async def test_of_a_crowd_that_leaves_few_end_in_a_turn(sock: socket.socket) -> None:
    server = serving(App())
    scenes = [Scene(sock, server) for _ in range(3 * GOINGS)]
    for scene in scenes:
        assert scene.connection.eof_received()
    for ended in (0, 0, 1, 2, 3):
        assert sum(scene.closed for scene in scenes) == ended * GOINGS
        await turns(1)
    for scene in scenes:
        scene.connection.connection_lost(None)


async def test_over_tls_the_transport_ends_who_leaves(sock: socket.socket) -> None:
    scene = Scene(sock)
    scene.transport.half = False
    assert not scene.connection.eof_received()
    await turns(1)
    assert not scene.closed
    scene.connection.connection_lost(None)


async def turns(count: int) -> None:
    """So many of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)
