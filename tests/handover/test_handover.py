"""What the old and the new process say to each other, with one of them played by the test."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from prack_grpc.handover import control, systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import VARIABLE, Successor, UpgradeFailed
from prack_grpc.handover.upgrade import Upgrades

# A successor that does not get far.
LISTENS = """
import os, socket, sys
channel = socket.socket(fileno=int(os.environ["_PRACK_PREDECESSOR"]))
socket.recv_fds(channel, 4096, 16)
"""
PREPARES = f'{LISTENS}channel.sendall(b"prepared\\n")\n'
HANGS = PREPARES + "import time; time.sleep(60)"
ENDS = PREPARES + "channel.recv(4096); sys.exit(7)"
MUMBLES = PREPARES + "channel.recv(4096); channel.sendall(b'what?\\n'); channel.recv(1)"


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """The sockets of a gateway; systemd keeps the first one open."""
    with socket.create_server(("127.0.0.1", 0)) as public, socket.socket() as rest:
        yield Sockets(open={"public": public, "rest": rest}, kept=frozenset(["public"]))


# ---------------------------------------------------------------- the successor


@pytest.mark.parametrize(
    ("program", "said"), [(ENDS, r"exited \(7\)"), (MUMBLES, r"exited \(0\)"), (HANGS, "not ready")]
)
async def test_a_successor_that_is_never_ready_has_failed_and_is_gone(
    sockets: Sockets, program: str, said: str
) -> None:
    command = [sys.executable, "-c", program]
    seconds = 1.0 if program is HANGS else 30.0
    successor = await Successor.start(sockets, 4243, command, seconds=seconds)
    with pytest.raises(UpgradeFailed, match=said):
        await successor.take_over({})
    with pytest.raises(ProcessLookupError):
        os.kill(successor.pid, 0)


async def test_a_program_that_cannot_be_started_says_so(sockets: Sockets) -> None:
    with pytest.raises(UpgradeFailed, match="/nowhere/prack"):
        await Successor.start(sockets, 4243, ["/nowhere/prack"])


async def test_an_upgrade_that_is_given_up_leaves_no_process(
    sockets: Sockets, tmp_path: Path
) -> None:
    """It would take the end of the channel for that of the process before it, and serve."""
    pid, served = tmp_path / "pid", tmp_path / "served"
    program = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nchannel.recv(1)\n"
    program = f"{LISTENS}{program}open({str(served)!r}, 'w')"
    starting = asyncio.create_task(Successor.start(sockets, 4243, [sys.executable, "-c", program]))
    async with asyncio.timeout(20):
        while not pid.exists() or not pid.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not served.exists()


async def test_an_upgrade_for_which_there_are_no_descriptors_has_failed() -> None:
    async def replace() -> Successor:
        raise OSError(errno.EMFILE, "Too many open files")

    upgrades = Upgrades(None)
    with pytest.raises(UpgradeFailed, match="Too many open files"):
        await upgrades.run(replace, lambda _: None)
    assert upgrades.successor is None


# ---------------------------------------------------------------- the predecessor


@pytest.fixture
async def pair(sockets: Sockets) -> AsyncIterator[tuple[socket.socket, Predecessor]]:
    """The end of the old process, and what the new one makes of the other."""
    ours, theirs = socket.socketpair()
    with ours:
        numbers = [sock.fileno() for sock in sockets.open.values()]
        message = b'{"names": [["public", true], ["rest", false]], "grpc_port": 4243}'
        socket.send_fds(ours, [message], numbers)
        environ = {VARIABLE: str(theirs.detach()), "OTHER": "1"}
        predecessor = Predecessor.of(environ)
        assert predecessor is not None
        assert environ == {"OTHER": "1"}, "it is not for the processes that we start"
        ours.setblocking(False)
        yield ours, predecessor
        for sock in predecessor.sockets.given.values():
            sock.close()
    if not predecessor.gone.is_set():
        await predecessor.relieve()
        await predecessor.gone.wait()


def test_a_process_that_nobody_started_to_replace_it_has_no_predecessor() -> None:
    assert Predecessor.of({}) is None


async def test_the_doors_arrive(pair: tuple[socket.socket, Predecessor], sockets: Sockets) -> None:
    _, predecessor = pair
    assert predecessor.grpc_port == 4243
    assert predecessor.sockets.kept == {"public"}
    for name, sock in sockets.open.items():
        assert predecessor.sockets.given[name].getsockname() == sock.getsockname()


async def test_the_state_arrives_in_pieces(pair: tuple[socket.socket, Predecessor]) -> None:
    ours, predecessor = pair
    loop = asyncio.get_running_loop()
    released = asyncio.create_task(predecessor.released())
    assert await loop.sock_recv(ours, 99) == b"prepared\n"
    await loop.sock_sendall(ours, b'{"traffic"')
    await asyncio.sleep(0)
    await loop.sock_sendall(ours, b": []}\n")
    assert await released == {"traffic": []}


async def test_a_predecessor_that_dies_is_replaced_all_the_more(
    pair: tuple[socket.socket, Predecessor],
) -> None:
    ours, predecessor = pair
    ours.close()
    assert await predecessor.released() == {}
    await predecessor.relieve()
    await asyncio.wait_for(predecessor.gone.wait(), 5)
    with pytest.raises(OSError, match="descriptor"):
        await predecessor.dial()


async def test_connections_are_passed_back(pair: tuple[socket.socket, Predecessor]) -> None:
    ours, predecessor = pair
    loop = asyncio.get_running_loop()
    dialling = asyncio.create_task(predecessor.dial())
    await predecessor.relieve()
    assert await loop.sock_recv(ours, 99) == b"ready\n"
    reader, writer = await dialling
    _, (number,), _, _ = socket.recv_fds(ours, 1, 16)
    with socket.socket(fileno=number) as passed:
        passed.sendall(b"hello")
    assert await reader.read() == b"hello"
    writer.close()


async def test_more_connections_than_fit_at_once_are_passed_back_as_well(
    pair: tuple[socket.socket, Predecessor],
) -> None:
    ours, predecessor = pair
    await predecessor.relieve()
    assert await asyncio.get_running_loop().sock_recv(ours, len(b"ready\n")) == b"ready\n"
    crowd = 500
    dialling = [asyncio.create_task(predecessor.dial()) for _ in range(crowd)]
    came = 0
    async with asyncio.timeout(20):
        while came < crowd:
            await asyncio.sleep(0)
            with suppress(BlockingIOError):
                while numbers := socket.recv_fds(ours, 1, 1)[1]:
                    came += 1
                    os.close(numbers[0])
    for _, writer in await asyncio.gather(*dialling):
        writer.close()


# ---------------------------------------------------------------- control


async def test_a_gateway_is_asked_and_answers() -> None:
    said = ["done", UpgradeFailed("no")]

    async def upgrade() -> str:
        answer = said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    sock = control.listen("test", os.getpid())
    async with control.serving(sock, upgrade):
        assert await asyncio.to_thread(control.ask, "test", os.getpid()) == (True, "done")
        assert await asyncio.to_thread(control.ask, "test", os.getpid()) == (False, "no")
    with pytest.raises(ConnectionRefusedError):
        control.ask("test", os.getpid())


async def test_a_gateway_that_ends_gives_up_its_upgrade() -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def upgrade() -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
            return ""
        finally:
            given_up.set()

    sock = control.listen("ends", os.getpid())
    async with control.serving(sock, upgrade):
        asking = asyncio.create_task(asyncio.to_thread(control.ask, "ends", os.getpid()))
        await asked.wait()
    assert given_up.is_set()
    with pytest.raises(ConnectionResetError):
        await asking


@contextmanager
def nobody() -> Iterator[None]:
    """Be another user for a moment."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def never() -> str:
    raise AssertionError("this must not be called")


async def said(client: socket.socket) -> bytes:
    """What the gateway says, and that it ends the connection."""
    loop, heard = asyncio.get_running_loop(), b""
    client.setblocking(False)
    async with asyncio.timeout(20):
        with suppress(ConnectionResetError):  # what was sent to it was not read
            while data := await loop.sock_recv(client, 99):
                heard += data
    return heard


def dial(name: str) -> socket.socket:
    """A connection to the control socket of this name."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"\0prack/{name}:{os.getpid()}")
    return client


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@only_root
@pytest.mark.parametrize("sends", [b"", b"upgrade\n", bytes(100_000)])
async def test_other_users_are_sent_away_unheard(sends: bytes) -> None:
    sock = control.listen("x", os.getpid())
    async with control.serving(sock, never):
        with nobody():
            client = dial("x")
        with client:
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.send(sends)
            assert (await said(client)) == control.FORBIDDEN


@only_root
async def test_other_users_hold_no_descriptors() -> None:
    sock = control.listen("many", os.getpid())
    async with control.serving(sock, never):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with nobody():
                clients = [dial("many") for _ in range(control.MAX_CALLERS)]
            assert [await said(client) for client in clients] == [control.FORBIDDEN] * len(clients)
            for client in clients:
                client.close()
        assert len(os.listdir("/proc/self/fd")) <= before


async def test_who_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "COMMAND_SECONDS", 0.05)
    sock = control.listen("silent", os.getpid())
    async with control.serving(sock, never):
        with dial("silent") as client:
            assert (await said(client)).startswith(b"-no command within")


async def test_callers_have_a_bound() -> None:
    sock = control.listen("crowd", os.getpid())
    async with control.serving(sock, never):
        with ExitStack() as stack:
            for _ in range(control.MAX_CALLERS):
                stack.enter_context(dial("crowd"))
                await asyncio.sleep(0)
            late = stack.enter_context(await asyncio.to_thread(dial, "crowd"))
            assert await said(late) == control.BUSY


async def test_a_name_that_is_taken_leaves_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with control.listen("taken", os.getpid()):
        with pytest.raises(OSError, match="in use"):
            control.listen("taken", os.getpid())
    async with control.serving(None, never):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_caller_that_is_not_read_still_reads_why() -> None:
    with control.listen("closed", os.getpid()) as sock:
        asking = asyncio.create_task(asyncio.to_thread(control.ask, "closed", os.getpid()))
        peer, _ = await asyncio.to_thread(sock.accept)
        with peer:
            peer.sendall(b"-no\n")
        assert await asking == (False, "no")


# ---------------------------------------------------------------- systemd


def test_sockets_for_another_process_are_left_alone() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "public:rest", "A": "b"}
    assert systemd.sockets(environ) == {}
    assert environ == {"A": "b"}


@pytest.mark.parametrize("address", ["file", "@prack-test"])
def test_systemd_is_notified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    name = f"{address}-{os.getpid()}" if address.startswith("@") else str(tmp_path / address)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        systemd.notify("RELOADING=1", "MONOTONIC_USEC=1")
        assert listening.recv(99) == b"RELOADING=1\nMONOTONIC_USEC=1"


def test_a_systemd_that_does_not_listen_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    systemd.notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")
