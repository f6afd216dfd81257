"""Gateways of one machine find each other in a folder, over real sockets."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from prack_grpc.bus import link
from prack_grpc.bus.folder import LOOK_SECONDS, BadFolder, Folder
from tests.bus.meeting import visiting

A, B, C = "0000000a", "0000000b", "0000000c"


async def test_all_that_come_at_once_are_linked_once(tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B, C) as (a, b, c):
        for one, other in ((a, b), (b, a), (a, c), (c, a), (b, c), (c, b)):
            await one.peer(other.name)
        assert [len(one.linked) for one in (a, b, c)] == [2, 2, 2]


@pytest.mark.parametrize("names", [(A, B), (B, A)])
async def test_who_comes_later_is_linked_at_once(tmp_path: Path, names: tuple[str, str]) -> None:
    async with visiting(tmp_path / "meet", names[0], C) as (first, other):
        await first.peer(C)
        async with asyncio.timeout(LOOK_SECONDS * 0.9):
            async with visiting(tmp_path / "meet", names[1]) as (second,):
                await second.peer(first.name)
                await first.peer(second.name)
                await other.peer(second.name)


async def test_messages_arrive_whole_and_in_order(tmp_path: Path) -> None:
    sent = [b"%d" % number * 30_000 for number in range(1, 20)]
    async with visiting(tmp_path / "meet", A, B) as (a, b):
        here, there = await a.peer(B), await b.peer(A)
        for message in sent:
            here.link.send(message)
            await here.link.room()
        assert [await there.next() for _ in sent] == sent


async def test_who_leaves_ends_its_links_and_takes_its_socket_along(tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B) as (a, b):
        here, there = await a.peer(B), await b.peer(A)
        here.link.send(b"the last")
        await a.leave()
        assert await there.next() == b"the last"
        assert here.reasons == ["this gateway stops"]
        assert await there.end() == "the peer has closed it"
        here.link.send(b"too late")
        await here.link.room()
    assert list((tmp_path / "meet").iterdir()) == []


async def test_a_link_that_was_closed_is_made_again(tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B) as (a, b):
        (await a.peer(B)).link.close("for a test")
        again = await a.peer(B)
        again.link.send(b"hello")
        assert await (await b.peer(A)).next() == b"hello"


async def test_the_socket_of_a_dead_gateway_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "meet"
    folder.mkdir(mode=0o700)
    dead = folder / f"{A}.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead))
        left.listen()
    async with visiting(folder, B, C) as (b, _):
        await b.peer(C)
        assert not dead.exists()


async def test_who_is_not_a_gateway_is_not_linked(tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B) as (a, b):
        await a.peer(B)
        for name in (b"\0\0\0\x08whoever!", b"\0\0\0\x080000000a", b"\xff\xff\xff\xff"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "meet" / f"{A}.sock")
            writer.write(name)
            async with asyncio.timeout(10.0):
                assert await reader.read() == b""
            writer.close()
        assert len(a.linked) == len(b.linked) == 1


async def test_nobody_else_can_reach_into_the_folder(tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B) as (a, _):
        await a.peer(B)
        assert stat.S_IMODE((tmp_path / "meet").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda path: path.mkdir(mode=0o755), "run `chmod 700` on it"),
        (lambda path: path.write_text(""), "cannot meet in"),
        (lambda path: path.symlink_to("/"), "is not a folder of this user"),
    ],
)
async def test_a_folder_that_will_not_do(tmp_path: Path, prepare: "object", expected: str) -> None:
    path = tmp_path / "meet"
    assert callable(prepare)
    prepare(path)
    with pytest.raises(BadFolder, match=expected):
        await Folder(path, A).run(lambda _: pytest.fail("nobody is here"), bool)


async def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30)
    with pytest.raises(BadFolder, match=r"longlong.*too long"):
        await Folder(path, A).run(lambda _: pytest.fail("nobody is here"), bool)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that beat twenty times as often."""
    monkeypatch.setattr(link, "BEAT_SECONDS", link.BEAT_SECONDS / 20)
    monkeypatch.setattr(link, "DEAD_SECONDS", link.DEAD_SECONDS / 20)


async def test_a_link_on_which_nothing_is_said_lives(impatient: None, tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, B) as (a, b):
        here, there = await a.peer(B), await b.peer(A)
        await asyncio.wait((a.task,), timeout=2 * link.DEAD_SECONDS)
        assert not here.over.is_set()
        assert not there.over.is_set()
        assert here.messages.empty()


async def test_a_peer_that_is_silent_is_dead(impatient: None, tmp_path: Path) -> None:
    async with visiting(tmp_path / "meet", A, C) as (a, _):
        await a.peer(C)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "meet" / f"{A}.sock")
        writer.write(b"\0\0\0\x08" + B.encode())
        silent = await a.peer(B)
        assert await silent.end() == f"nothing was received for {link.DEAD_SECONDS:g} s"
        assert (await reader.read()).startswith(b"\0\0\0\x08" + A.encode())
        writer.close()
