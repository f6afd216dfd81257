"""Which files count, and that a burst of changes is one."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prack_worker.errors import UsageError
from prack_worker.reloading.watching import Watched, changes, check_installed, forget


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("main.py", True),
        ("shop/views.py", True),
        ("shop/templates/cart.html", True),
        ("shop/data.csv", False),
        ("main.pyc", False),
        (".#main.py", False),
        ("shop/__pycache__/views.py", False),
        (".git/hooks/check.py", False),
        (".venv/lib/site.py", False),
        ("node_modules/tool/setup.py", False),
    ],
)
def test_the_files_of_the_application_count(tmp_path: Path, name: str, matches: bool) -> None:
    # A folder above that is hidden says nothing of those below it.
    folder = tmp_path / ".hidden"
    assert Watched([folder], ["*.py", "*.html"]).matches(folder / name) is matches


@pytest.mark.parametrize(
    ("file", "matches"),
    [("shop/cart/views.py", True), ("shop/data.csv", False), ("shop/.git/hook.py", False)],
)
def test_a_folder_that_came_counts_for_what_is_in_it(
    tmp_path: Path, file: str, matches: bool
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert Watched([tmp_path], ["*.py"]).matches(tmp_path / "shop") is matches


def test_a_pattern_may_name_a_hidden_file(tmp_path: Path) -> None:
    assert Watched([tmp_path], ["*.py", ".env"]).matches(tmp_path / ".env")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError, match=r"pip install 'prack-worker\[reload\]'"):
        check_installed()


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator["asyncio.Queue[list[Path]]"]:
    """The changes below `watched`, from now on."""
    queue: asyncio.Queue[list[Path]] = asyncio.Queue()
    folder = tmp_path / "watched"
    folder.mkdir()

    async def watch() -> None:
        async for files in changes(Watched([folder], ["*.py"])):
            queue.put_nowait(files)

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)  # it watches from its first step on
    yield queue
    task.cancel()
    await asyncio.wait([task])


async def test_a_burst_is_hardly_more_than_one_change(
    tmp_path: Path, seen: "asyncio.Queue[list[Path]]"
) -> None:
    files = {tmp_path / "watched" / f"part{number}.py" for number in range(40)}
    for file in files:
        file.write_text("x = 1\n")
    told: set[Path] = set()
    bursts = 0
    while told != files:
        told.update(await asyncio.wait_for(seen.get(), 20))
        bursts += 1
    assert bursts < 10  # on a busy machine the files themselves come with pauses


async def test_what_is_replaced_moved_and_removed_is_seen(
    tmp_path: Path, seen: "asyncio.Queue[list[Path]]"
) -> None:
    folder = tmp_path / "watched"
    (folder / "data.csv").write_text("1\n")  # counts for nothing
    (folder / "main.tmp").write_text("x = 1\n")
    os.replace(folder / "main.tmp", folder / "main.py")
    assert await asyncio.wait_for(seen.get(), 20) == [folder / "main.py"]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "views.py").write_text("x = 1\n")
    os.replace(tmp_path / "shop", folder / "shop")
    assert await asyncio.wait_for(seen.get(), 20) == [folder / "shop"]
    (folder / "shop" / "views.py").unlink()
    assert await asyncio.wait_for(seen.get(), 20) == [folder / "shop" / "views.py"]


def test_a_source_is_compiled_again_even_in_the_same_second(tmp_path: Path) -> None:
    source = tmp_path / "settled.py"

    def answer(text: str) -> str:
        """What a process of its own finds there."""
        source.write_text(text)
        os.utime(source, (1_000_000, 1_000_000))
        command = [sys.executable, "-c", "import settled; print(settled.x)"]
        return subprocess.check_output(command, cwd=tmp_path, text=True, env={}).strip()

    assert answer("x = 1") == "1"
    assert answer("x = 2") == "1"
    forget(source)
    assert answer("x = 2") == "2"
    forget(tmp_path / "page.html")


# A process of its own: it has no descriptor left to watch with.
SHORT = """
import asyncio, os, resource, sys
from pathlib import Path
import watchfiles
from prack_worker.reloading.watching import Watched, changes

async def watch():
    last = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last, last))
    await anext(changes(Watched([Path.cwd()], ["*.py"])))

asyncio.run(watch())
"""


def test_what_cannot_be_watched_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHORT]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(
        "prack_worker.errors.UsageError: --reload: the folders cannot be watched:"
    )
    assert "Too many open files" in last
