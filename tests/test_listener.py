"""A listening socket: connections that arrive while it stops."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from prack_grpc.composition.private_side import WORKER_LIMITS
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.request.client import Client, Upload
from prack_grpc.listener import BACKLOG, Listener, listen
from prack_grpc.process import loop_factory
from prack_grpc.turns import COMINGS

SECONDS = 10.0


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after some turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)
    await PlainTextResponse("served")(scope, receive, send)


async def stopped_after(turns: int) -> bytes:
    """What a client is sent that has connected as the listener was about to stop."""
    server = HttpServer(slow, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    sock = listen("127.0.0.1", 0, "api_port")
    listener = Listener(server, sock, room=lambda: 10)
    await listener.start()
    with socket.create_connection(sock.getsockname(), SECONDS) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        listener.leave(shared=False)
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(listener.stop(), SECONDS)
        assert not server.connections
        return client.recv(1000)


# On the loop of the gateway: that of the tests takes other turns.
@pytest.mark.parametrize("turns", range(8))
def test_what_is_accepted_while_it_stops_is_served(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(stopped_after(turns)).endswith(b"\r\n\r\nserved")
    ours = [one for one in caplog.records if one.name.startswith(("asyncio", "prack"))]
    assert not ours  # threads of other tests may log


async def accepted_in_a_turn(crowd: int) -> list[int]:
    """How many of this crowd came in each turn of the loop, until all were there."""
    server = HttpServer(slow, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    sock = listen("127.0.0.1", 0, "port")
    listener = Listener(server, sock)
    with ExitStack() as clients:
        for _ in range(crowd):
            clients.enter_context(socket.create_connection(sock.getsockname(), SECONDS))
        await listener.start()
        comings: list[int] = []
        async with asyncio.timeout(SECONDS):
            while listener.connected < crowd:
                before = listener.connected
                await asyncio.sleep(0)
                comings.append(listener.connected - before)
    listener.leave(shared=False)
    await listener.stop()
    return comings


def test_a_crowd_comes_in_a_few_at_a_time() -> None:
    """One at a time kept the last of them waiting for as many turns; all at once, everybody."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        comings = runner.run(accepted_in_a_turn(5 * COMINGS))
    assert max(comings) == COMINGS


class Begins:
    """Begins with each request in no task, and never answers it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    def begin_early(self, scope: Scope, upload: Upload, client: Client) -> bool:
        """See TakesEarly."""
        self.begun.set()
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""


async def test_what_waits_without_a_task_ends_with_it() -> None:
    app = Begins()
    server = HttpServer(app, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    sock = listen("127.0.0.1", 0, "api_port")
    listener = Listener(server, sock)
    await listener.start()
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\n")
    async with asyncio.timeout(SECONDS):
        await app.begun.wait()
        listener.leave(shared=False)
        await listener.stop()
        assert await reader.read() == b""
    writer.close()


class Held(socket.socket):
    """A socket of two processes, which says of each copy whether it has made both wait."""

    theirs: int
    made_to_wait: list[bool]

    def dup(self) -> "Held":
        """See socket.socket."""
        copy = super().dup()
        copy.theirs, copy.made_to_wait = self.theirs, self.made_to_wait
        self.made_to_wait.append(os.get_blocking(self.theirs))
        return copy


@pytest.mark.parametrize("room", [None, lambda: 1])
async def test_whoever_has_the_same_socket_never_waits_in_accept(
    room: Callable[[], int] | None,
) -> None:
    server = HttpServer(slow, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    held = Held(fileno=listen("127.0.0.1", 0, "port").detach())
    held.theirs, held.made_to_wait = os.dup(held.fileno()), []
    os.set_blocking(held.theirs, False)
    listener = Listener(server, held, room)
    await listener.start()
    assert held.made_to_wait
    assert not any(held.made_to_wait)
    listener.leave(shared=True)
    await listener.stop()
    os.close(held.theirs)


class Watched(uvloop.Loop):
    """After each step says for how many there is room in the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms: list[int] = []

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """See asyncio.AbstractEventLoop."""
        server = await super().create_server(*args, **options)
        info = options["sock"].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        self.rooms.append(struct.unpack_from("I", info, 28)[0])  # tcpi_sacked, of who listens
        return server


async def started() -> None:
    """A listener, for a moment."""
    server = HttpServer(slow, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    listener = Listener(server, listen("127.0.0.1", 0, "port"))
    await listener.start()
    listener.leave(shared=True)
    await listener.stop()


def test_as_many_as_ever_may_wait_in_the_kernel_while_it_starts() -> None:
    """The socket is that of the gateway before, too, whose clients come all the time."""
    with asyncio.Runner(loop_factory=Watched) as runner:
        loop = runner.get_loop()
        runner.run(started())
    assert isinstance(loop, Watched)
    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert loop.rooms == [min(BACKLOG, most)] * COMINGS


async def test_who_has_left_accepts_none_when_descriptors_are_free_again() -> None:
    server = HttpServer(slow, WORKER_LIMITS, Admission(WORKER_LIMITS, exempt=lambda _: True))
    listener = Listener(server, listen("127.0.0.1", 0, "api_port"), room=lambda: 1)
    await listener.start()
    listener.leave(shared=True)
    listener.pause()
    await listener.stop()
