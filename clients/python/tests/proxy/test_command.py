"""The command of an application, as real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prack_worker.errors import AppLoadError
from prack_worker.proxy.command import Command

# Starts a child that lives on, and writes both process ids to a fifo.
FAMILY = """
import os, signal, sys, time
{before}
child = os.fork()
if child:
    open(sys.argv[1], "w").write(f"{{os.getpid()}} {{child}}")
while True:
    time.sleep(60)
"""
IGNORES = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@asynccontextmanager
async def family(folder: Path, before: str = "") -> AsyncIterator[tuple[Command, list[int]]]:
    """A running command, and the ids of its processes."""
    fifo = folder / "pids"
    os.mkfifo(fifo)
    command = Command([sys.executable, "-c", FAMILY.format(before=before), str(fifo)], os.environ)
    await command.start()
    try:
        yield command, [int(text) for text in (await asyncio.to_thread(fifo.read_text)).split()]
    finally:
        command.kill()
        await command.ended()


def lives(pid: int) -> bool:
    """Whether it is there; one that nobody has waited for is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 128 + 9)],
)
async def test_its_exit_status_is_that_of_a_shell(code: str, status: int) -> None:
    command = Command([sys.executable, "-c", code], os.environ)
    await command.start()
    assert await command.ended() == status


async def test_what_cannot_be_run_is_one_line() -> None:
    with pytest.raises(AppLoadError, match='"/no/such/program" cannot be run: No such file'):
        await Command(["/no/such/program"], {}).start()


async def test_it_gets_these_variables_and_no_terminal() -> None:
    code = "import os, sys; sys.exit(os.environ['PORT'] == '1' and sys.stdin.read() == '')"
    command = Command([sys.executable, "-c", code], {"PORT": "1"})
    await command.start()
    assert await command.ended() == 1


async def test_a_stop_ends_all_of_its_processes(tmp_path: Path) -> None:
    async with family(tmp_path) as (command, pids):
        await command.stop(20)
        assert await command.ended() == 128 + signal.SIGTERM
        assert not any(map(lives, pids))


async def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    async with family(tmp_path, IGNORES) as (command, pids):
        await command.stop(0.1)
        assert await command.ended() == 128 + signal.SIGKILL
        assert not lives(pids[0])


async def test_what_it_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    async with family(tmp_path) as (command, pids):
        os.kill(pids[0], signal.SIGKILL)
        await command.ended()
        await command.stop(20)
        assert not lives(pids[1])
