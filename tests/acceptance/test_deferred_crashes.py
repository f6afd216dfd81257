"""kill -9 before each statement of a store's life: what it has said is done stays done."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from prack_grpc.core.deferred.states import State
from prack_grpc.deferred.sqlite import SqliteStore
from tests.acceptance.processes import ROOT
from tests.deferred.building import MIB

pytestmark = pytest.mark.timeout(300)
STEP = 3  # between two points: a statement is one of a few kinds


def said(path: Path, number: int) -> list[list[str]]:
    """What a process said that was killed at this statement."""
    command = [sys.executable, "-m", "tests.acceptance.store_life", str(path), str(number)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -9), done.stderr
    return [line.split() for line in done.stdout.splitlines()]


async def kept(path: Path, words: list[list[str]]) -> None:
    """All that was said is so after a restart."""
    store = SqliteStore(path, MIB)
    assert await store.lead()
    events = {word: id_ for word, *rest in words for id_ in rest}
    for id_ in (rest[0] for word, *rest in words if word == "added"):
        found = await store.find(id_)
        assert found is not None
        assert found.state in (State.WAITING, State.DEAD, State.ANSWERED)
        if found.state is not State.ANSWERED:
            assert await store.body(id_)
        else:
            assert found.answer is not None
            [call] = await store.take(100.0, 1, frozenset(("good", "bad")))
            assert call.call  # the answer and what follows from it are there, both
    if "answered" in events:
        found = await store.find(events["answered"])
        assert found is not None
        assert (found.state, found.attempts) == (State.ANSWERED, 2)
    if "dead" in events and "answered" not in events:
        found = await store.find(events["dead"])
        assert found is not None
        assert found.state is State.DEAD
    await store.close()


async def test_what_was_said_is_so_whenever_it_is_killed(tmp_path: Path) -> None:
    spoken = set()
    for number in itertools.count(1, STEP):
        path = tmp_path / f"{number}.db"
        words = said(path, number)
        spoken.add(len(words))
        await kept(path, words)
        if ["closed"] in words:
            break
    assert spoken >= {0, 1, 2, 3, 4}
