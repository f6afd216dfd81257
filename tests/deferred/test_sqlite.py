"""Jobs in a file: two processes, a crash, and files that cannot be used."""

import asyncio
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.committing import Committing
from prack_grpc.deferred.rows import opened
from prack_grpc.deferred.sqlite import SqliteStore
from prack_grpc.deferred.store import BadStore, StoreFailed
from tests.deferred.building import MIB, a_change, a_job

SECONDS = 30.0
NONE: frozenset[str] = frozenset()


async def test_one_process_takes_jobs_until_it_resigns(tmp_path: Path) -> None:
    old = SqliteStore(tmp_path / "store.db", MIB)
    new = SqliteStore(tmp_path / "store.db", MIB)
    assert await old.lead()
    assert not await new.lead()
    await new.add(a_job())  # both may add
    [job] = await old.take(100.0, 8, NONE)
    await old.settle(job.id, a_change(Event.RETRY))
    old.resign()
    assert await new.lead()
    assert len(await new.take(100.0, 8, NONE)) == 1
    await old.close()
    await new.close()


async def test_what_a_dead_process_had_is_tried_again_with_another_number(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "store.db", MIB)
    assert await first.lead()
    await first.add(a_job())
    [job] = await first.take(100.0, 8, NONE)
    await first.close()
    second = SqliteStore(tmp_path / "store.db", MIB)
    assert await second.lead()
    [again] = await second.take(100.0, 8, NONE)
    assert (again.id, again.attempts) == (job.id, 2)
    await second.close()


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", MIB)
    await store.add(a_job())
    assert modes(tmp_path) == [0o600] * 4  # with the log, its index, and the lock
    await store.close()


def modes(folder: Path) -> list[int]:
    """Those of all files in it."""
    return [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()]


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    """kill -9 does not show it; a power cut would."""
    connection = opened(tmp_path / "store.db")
    found = [
        connection.execute(f"PRAGMA {it}").fetchone()[0] for it in ("journal_mode", "synchronous")
    ]
    connection.close()
    assert found == ["wal", 2]  # FULL


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(BadStore, match=r"^--async-store: .*store\.db cannot be used: "):
        SqliteStore(path, MIB)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadStore, match="No such file or directory"):
        SqliteStore(tmp_path / "none" / "store.db", MIB)


def test_a_lock_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db-lock").mkdir()
    with pytest.raises(BadStore, match=r"store\.db cannot be used: .*store\.db-lock"):
        SqliteStore(tmp_path / "store.db", MIB)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(BadStore, match="version 99, expected 1; name another file"):
        SqliteStore(path, MIB)


async def test_what_comes_together_is_written_together(tmp_path: Path) -> None:
    connection = opened(tmp_path / "store.db")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    committing, writing = Committing(connection), threading.Event()
    first = asyncio.create_task(committing.call(lambda _: writing.wait(SECONDS)))
    calls = [committing.call(lambda on: on.execute("SELECT 1").fetchone()[0]) for _ in range(100)]
    others = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)  # all are asked for now
    writing.set()
    assert await first
    assert await asyncio.gather(*others) == [1] * 100
    assert statements.count("COMMIT") <= 2
    await committing.close()


async def test_a_transaction_that_fails_fails_for_all_in_it(tmp_path: Path) -> None:
    connection = opened(tmp_path / "store.db")
    committing = Committing(connection)
    with pytest.raises(StoreFailed, match="no such table: missing"):
        await committing.call(lambda on: on.execute("SELECT * FROM missing"))
    assert await committing.call(lambda on: on.execute("SELECT 2").fetchone()[0]) == 2
    await committing.close()


async def test_what_nobody_expected_fails_and_the_store_goes_on(tmp_path: Path) -> None:
    committing = Committing(opened(tmp_path / "store.db"))
    with pytest.raises(StoreFailed, match="surrogates not allowed"):
        await committing.call(lambda on: on.execute("SELECT ?", ("\ud800",)))
    assert await committing.call(lambda on: on.execute("SELECT 2").fetchone()[0]) == 2
    await committing.close()


async def test_what_was_asked_is_done_before_the_end(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", MIB)
    adding = [asyncio.create_task(store.add(a_job())) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*adding)) == 20
