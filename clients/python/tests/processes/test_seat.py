"""The place of one process: who serves there when processes end, are replaced or do not start."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prack_worker.processes import seat as seats
from prack_worker.processes.child import Child, Children
from prack_worker.processes.seat import NotStarted, Seat

# It is ready at once, if it may start, and tells at each SIGUSR1 that it is spent.
PROCESS = """
import os, signal, socket, sys
from pathlib import Path
def say(words):
    channel.sendall(words + b"\\n")
channel = socket.socket(fileno=int(os.environ["PRACK_CHILD"].split()[0]))
wish = Path("wish").read_text() if Path("wish").exists() else ""
if wish == "fail":
    say(b'{"failed": "Traceback\\\\nno database"}')
    sys.exit(5)
if wish == "stay":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *_: say(b'{"spent": "is old"}'))
if wish != "dream":
    say(b'{"ready": 3}')
while True:
    signal.pause()
"""
NAME = "shop-1"


class Started(Children):
    """Children that a test can wait for."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-c", PROCESS])
        self.next: asyncio.Queue[Child] = asyncio.Queue()

    async def start(self, name: str) -> Child:
        child = await super().start(name)
        self.next.put_nowait(child)
        return child


@pytest.fixture
async def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Started]:
    """They begin in a folder of their own, where a test leaves its wish."""
    monkeypatch.chdir(tmp_path)
    children = Started()
    yield children
    for child in children:
        child.signal(signal.SIGKILL)
        await child.ended


@pytest.fixture
async def seat(children: Started) -> AsyncIterator[Seat]:
    """One with a process that is kept."""
    seat = Seat(NAME, children, lambda *_: None)
    keeping = asyncio.create_task(keep(seat))
    yield seat
    keeping.cancel()
    await asyncio.wait([keeping])


def wish(what: str) -> None:
    """What processes do that start from now on."""
    Path("wish").write_text(what)


async def keep(seat: Seat) -> None:
    await seat.start()
    await seat.keep()


async def ready(children: Started) -> Child:
    """The next process, which serves."""
    async with asyncio.timeout(20):
        child = await children.next.get()
        assert await child.ready
        return child


async def test_one_that_ends_is_followed_by_another(children: Started, seat: Seat) -> None:
    first = await ready(children)
    first.signal(signal.SIGKILL)
    second = await ready(children)
    assert first.ended.result() == 137
    assert seat.has(second)


async def test_one_is_replaced_by_one_that_serves(children: Started, seat: Seat) -> None:
    old = await ready(children)
    ended: list[bool] = []
    replacing = asyncio.create_task(seat.replace(grace=20))
    new = await children.next.get()
    new.ready.add_done_callback(lambda _: ended.append(old.ended.done()))
    await replacing
    assert ended == [False]
    assert seat.has(new)
    assert old.ended.result() == 143
    assert children.next.empty()  # nobody took the end of the old one for a crash


async def test_one_goes_on_if_its_successor_does_not_start(children: Started, seat: Seat) -> None:
    old = await ready(children)
    wish("fail")
    with pytest.raises(NotStarted, match="no database"):
        await seat.replace(grace=20)
    assert seat.has(old)
    assert not old.ended.done()


async def test_why_one_does_not_start_is_said_without_our_own_frames(
    children: Started, caplog: pytest.LogCaptureFixture
) -> None:
    wish("fail")
    child = await Seat(NAME, children, lambda *_: None).start()
    await child.ended
    NotStarted(child).log("It does not start")
    (record,) = caplog.records
    assert record.getMessage() == "It does not start: no database"
    assert caplog.text.endswith("It does not start: no database\nTraceback\nno database\n")


async def test_one_starts_where_the_link_to_the_release_leads_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current, old, new = (tmp_path / name for name in ("current", "old", "new"))
    old.mkdir()
    new.mkdir()
    current.symlink_to(old)
    monkeypatch.setenv("PWD", str(current))
    monkeypatch.chdir(current)
    children = Children([sys.executable, "-c", "import os; open('here', 'w')"])
    for release in (old, new):
        current.unlink()
        current.symlink_to(release)
        child = await children.start(NAME)
        async with asyncio.timeout(20):
            await child.ended
        assert (release / "here").exists()


async def test_one_goes_on_if_its_successor_is_never_welcomed(
    children: Started, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await ready(children)
    wish("dream")
    monkeypatch.setattr(seats, "START_SECONDS", 0.01)
    with pytest.raises(NotStarted, match="it has ended with status 143"):
        await seat.replace(grace=20)
    assert seat.has(old)


async def test_one_that_ends_while_its_successor_comes_has_only_that_one(
    children: Started, seat: Seat
) -> None:
    old = await ready(children)
    replacing = asyncio.create_task(seat.replace(grace=20))
    new = await children.next.get()
    old.signal(signal.SIGKILL)
    await replacing
    assert list(children) == [new]


async def test_one_that_does_not_end_is_killed(children: Started) -> None:
    wish("stay")
    await children.start(NAME)
    child = await ready(children)
    await child.stop(0.01)
    assert child.ended.result() == 137


async def test_one_that_is_spent_says_so(children: Started) -> None:
    said: asyncio.Queue[tuple[Seat, Child, str]] = asyncio.Queue()
    seat = Seat(NAME, children, lambda *what: said.put_nowait(what))
    child = await seat.start()
    await child.ready
    child.signal(signal.SIGUSR1)
    async with asyncio.timeout(20):
        assert await said.get() == (seat, child, "is old")
