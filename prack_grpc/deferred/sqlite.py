"""Jobs in one file, by SQLite: for a gateway, and the one that replaces it."""

import fcntl
import os
import sqlite3
from pathlib import Path

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import Event, State, transition
from prack_grpc.deferred.committing import Committing
from prack_grpc.deferred.job import Job
from prack_grpc.deferred.rows import (
    OtherVersion,
    body_of,
    columns_of,
    insert,
    job_of,
    opened,
    used,
)
from prack_grpc.deferred.store import BadStore, Change, KeyReused, StoreFull

TAKE = """UPDATE jobs SET state = ?, attempts = attempts + 1
    WHERE id IN (SELECT id FROM jobs WHERE state = ? AND due <= ? {lines} ORDER BY due LIMIT ?)
    RETURNING *"""
SETTLE = """UPDATE jobs SET state = ?, attempts = ?, due = ?, reason = ?,
    status = ?, fields = ?, answer = ?, whole = ? WHERE id = ? AND state = ?"""
AGAIN = "UPDATE jobs SET state = ?, due = ?, created = ?, attempts = 0 WHERE id = ? AND state = ?"


class SqliteStore:
    """Implements `deferred.store.Store`. With `most` bytes in the file it is full.

    Several processes may add jobs; who holds the lock beside the file takes them. The lock goes
    with its process, however that ends.
    """

    def __init__(self, path: Path, most: int) -> None:
        """Raises BadStore."""
        self._most = most
        # What is asked of it is written together, and never on the event loop.
        self._committing = Committing(_opened(path))
        self._lock = _file(_lock_of(path))

    # ------------------------------------------------------------ clients

    async def add(self, job: Job) -> str:
        return await self._committing.call(lambda on: self._add(on, job))

    def _add(self, on: sqlite3.Connection, job: Job) -> str:
        if job.key:
            sql = "SELECT id, digest FROM jobs WHERE key = ?"
            if known := on.execute(sql, (job.key,)).fetchone():
                if known["digest"] != job.digest:
                    raise KeyReused
                return str(known["id"])
        if used(on) + len(job.body) > self._most:
            raise StoreFull
        insert(on, job)
        return job.id

    async def find(self, id_: str) -> Job | None:
        rows = await self._rows("SELECT * FROM jobs WHERE id = ?", id_)
        return rows[0] if rows else None

    async def body(self, id_: str) -> bytes:
        return await self._committing.call(lambda on: body_of(on, id_))

    # ------------------------------------------------------------ attempts

    async def lead(self) -> bool:
        if not _locked(self._lock):
            return False
        before, after = transition(Event.RECOVER)
        await self._changes("UPDATE jobs SET state = ? WHERE state = ?", after, before)
        return True

    def resign(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    async def take(self, now: float, most: int, full: frozenset[str]) -> list[Job]:
        before, after = transition(Event.TAKE)
        lines = f"AND line NOT IN ({','.join('?' * len(full))})" if full else ""
        sql, values = TAKE.format(lines=lines), (after, before, now, *full, most)

        def take(on: sqlite3.Connection) -> list[Job]:
            rows = on.execute(sql, values).fetchall()
            return [job_of(row, body_of(on, row["id"])) for row in rows]

        taken = await self._committing.call(take)
        return sorted(taken, key=lambda job: job.due)

    async def settle(self, id_: str, change: Change, then: Job | None = None) -> None:
        await self._committing.call(lambda on: _settle(on, id_, change, then))

    # ------------------------------------------------------------ operators

    async def dead(self, most: int) -> list[Job]:
        sql = "SELECT * FROM jobs WHERE state = ? ORDER BY due DESC LIMIT ?"
        return await self._rows(sql, State.DEAD, most)

    async def again(self, id_: str, now: float) -> bool:
        before, after = transition(Event.AGAIN)
        return await self._changes(AGAIN, after, now, now, id_, before)

    async def drop(self, id_: str) -> bool:
        return await self._changes("DELETE FROM jobs WHERE id = ? AND state = ?", id_, State.DEAD)

    async def count(self) -> Counts:
        sql = "SELECT state, count(*), min(created) FROM jobs GROUP BY state"
        rows = await self._committing.call(lambda on: on.execute(sql).fetchall())
        open_ = [row for row in rows if row[0] in (State.WAITING, State.RUNNING)]
        return Counts(
            sum(row[1] for row in open_),
            sum(row[1] for row in rows if row[0] == State.DEAD),
            min((row[2] for row in open_), default=0.0),
        )

    async def forget(self, before: float) -> None:
        sql = "DELETE FROM jobs WHERE state = ? AND due < ?"
        await self._changes(sql, State.ANSWERED, before)

    async def close(self) -> None:
        await self._committing.close()
        os.close(self._lock)

    async def _rows(self, sql: str, *values: object) -> list[Job]:
        rows = await self._committing.call(lambda on: on.execute(sql, values).fetchall())
        return [job_of(row) for row in rows]

    async def _changes(self, sql: str, *values: object) -> bool:
        return await self._committing.call(lambda on: on.execute(sql, values).rowcount > 0)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        for file in (path, _lock_of(path)):
            os.close(_file(file))
        return opened(path)
    except OtherVersion as error:
        raise BadStore(f"--async-store: {path} is of another {error}; name another file") from None
    except (OSError, sqlite3.Error) as error:
        raise BadStore(f"--async-store: {path} cannot be used: {error}") from None


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-lock")


def _file(path: Path) -> int:
    """Its descriptor; it is made if need be. Requests have passwords in them.

    SQLite gives its other files the same mode.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settle(on: sqlite3.Connection, id_: str, made: Change, then: Job | None) -> None:
    before, after = transition(made.event)
    answer = columns_of(made.answer)
    values = (after, made.attempts, made.due, made.reason, *answer, id_, before)
    on.execute(SETTLE, values)
    if after is State.ANSWERED:
        on.execute("DELETE FROM bodies WHERE id = ?", (id_,))
    if then is not None:
        insert(on, then)
