"""Processes that are forked, and what they have of the supervisor."""

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prack_grpc.handover.sockets import Sockets
from prack_grpc.processes.child import Child, Serve, fork
from prack_grpc.processes.dealing import Dealt
from prack_grpc.processes.parent import Parent

ADDRESS = "127.0.0.1", 4242


@asynccontextmanager
async def forked(
    serve: Serve, before: socket.socket | None = None, **given: socket.socket
) -> AsyncIterator[Child]:
    """A process that does this, with these sockets; it is gone at the end."""

    def sockets(rest: Dealt) -> Sockets:
        return Sockets({**given, "rest": rest})

    gc.collect()  # or the process would, and what has threads here has none there
    child = await fork(2, Path("/nowhere"), ADDRESS, sockets, before, serve)
    try:
        yield child
    finally:
        child.signal(signal.SIGKILL)
        await child.ended


def waits(parent: Parent) -> int:
    """Ends with the supervisor."""
    parent.ready()
    return len(parent.channel.recv(99))


def test_all_is_imported_by_one_thread() -> None:
    """Others would not be there after a fork, and neither would what they hold."""
    code = "import os, prack_grpc.process; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"1\n"


async def test_a_process_says_when_it_serves_and_how_it_ended() -> None:
    async with forked(waits) as child:
        assert await child.ready
        child.signal(signal.SIGTERM)
        assert await child.ended == 143
        assert child.left.is_set()


async def test_a_process_that_ends_first_has_not_served() -> None:
    async with forked(lambda _: 3) as child:
        assert not await child.ready
        assert await child.ended == 3


async def test_a_process_that_breaks_ends_with_its_traceback(tmp_path: Path) -> None:
    def breaks(_: Parent) -> int:
        sys.stderr = (tmp_path / "log").open("w")
        raise ValueError("no")

    async with forked(breaks) as child:
        assert await child.ended == 1
    assert "ValueError: no" in (tmp_path / "log").read_text()


async def test_a_process_has_its_own_sockets_and_no_others() -> None:
    def serve(parent: Parent) -> int:
        own = {parent.channel, parent.rest, parent.sockets.given["public"]}
        numbers = {0, 1, 2, *(sock.fileno() for sock in own)}
        found = set(map(int, os.listdir("/proc/self/fd")))
        return 5 if {number for number in found if is_open(number)} == numbers else 1

    with socket.create_server(("127.0.0.1", 0)) as public, socket.socket():
        async with forked(serve, public=public) as child:
            assert await child.ended == 5


def is_open(number: int) -> bool:
    """Whether there is such a descriptor, apart from the one that lists them."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


async def test_connections_are_dealt_and_counted() -> None:
    def serve(parent: Parent) -> int:
        connection, _ = parent.rest.accept()
        connection.sendall(b"hello")
        parent.say(held=3, taken=parent.rest.taken)
        return waits(parent)

    near, far = socket.socketpair()
    with near, far:
        async with forked(serve) as child:
            assert child.load == 0
            assert child.deal(far, ADDRESS)
            assert child.load == 1
            assert await child.ready
            assert child.load == 3
            near.setblocking(True)
            assert near.recv(5) == b"hello"
        assert not child.deal(far, ADDRESS), "it has ended"


async def test_who_replaces_a_process_that_is_gone_has_no_predecessor() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        async with forked(lambda parent: 9 if parent.predecessor() is None else 1, theirs) as child:
            assert await child.ended == 9
