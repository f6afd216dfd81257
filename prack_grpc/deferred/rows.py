"""The tables of jobs in SQLite: how they are made, and what a row of them is."""

import sqlite3
from pathlib import Path

from prack_grpc.core.deferred.states import State
from prack_grpc.deferred.job import (
    Answer,
    Job,
    read_fields,
    read_head,
    written_fields,
    written_head,
)

VERSION = 1
# The body is apart, as SQLite writes a changed row anew.
SCHEMA = (
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY, line TEXT NOT NULL, state TEXT NOT NULL,
        created REAL NOT NULL, due REAL NOT NULL, is_call INTEGER NOT NULL,
        key BLOB UNIQUE, digest BLOB NOT NULL, callback TEXT NOT NULL,
        attempts INTEGER NOT NULL, reason TEXT NOT NULL, head BLOB NOT NULL,
        status INTEGER, fields BLOB, answer BLOB, whole INTEGER)""",
    """CREATE TABLE bodies (
        id TEXT PRIMARY KEY REFERENCES jobs ON DELETE CASCADE, body BLOB NOT NULL)""",
    "CREATE INDEX jobs_in_turn ON jobs (state, due, line)",
    f"PRAGMA user_version={VERSION}",
)
ADD = """INSERT INTO jobs VALUES (:id, :line, :state, :created, :due, :is_call, :key, :digest,
    :callback, :attempts, :reason, :head, NULL, NULL, NULL, NULL)"""
# How long another process may write, during an upgrade.
BUSY_SECONDS = 5.0


class OtherVersion(Exception):
    """The file has tables of another version; `found` is its number."""

    def __init__(self, found: int) -> None:
        super().__init__(f"version {found}, expected {VERSION}")
        self.found = found


def opened(path: Path) -> sqlite3.Connection:
    """A connection to the tables in this file, which are made if there are none.

    Each transaction is on the disk when it is committed. Raises sqlite3.Error or OtherVersion.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if not found:
        for statement in SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")
    if found not in (0, VERSION):
        connection.close()
        raise OtherVersion(found)
    return connection


def used(on: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        on.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def insert(on: sqlite3.Connection, job: Job) -> None:
    """Write a new job."""
    about = {
        "id": job.id,
        "line": job.line,
        "state": State.WAITING,
        "created": job.created,
        "due": job.due,
        "is_call": job.call,
        "key": job.key or None,
        "digest": job.digest,
        "callback": job.callback,
        "attempts": job.attempts,
        "reason": job.reason,
        "head": written_head(job.request),
    }
    on.execute(ADD, about)
    on.execute("INSERT INTO bodies VALUES (?, ?)", (job.id, job.body))


def body_of(on: sqlite3.Connection, id_: str) -> bytes:
    """The body of its request; empty if it is kept no more."""
    row = on.execute("SELECT body FROM bodies WHERE id = ?", (id_,)).fetchone()
    return bytes(row[0]) if row else b""


def job_of(row: sqlite3.Row, body: bytes = b"") -> Job:
    """The job in this row."""
    answer = None
    if row["status"] is not None:
        whole = bool(row["whole"])
        answer = Answer(row["status"], read_fields(row["fields"]), row["answer"], whole)
    return Job(
        row["id"],
        row["line"],
        read_head(row["head"], len(body)),
        body,
        row["created"],
        row["due"],
        bool(row["is_call"]),
        row["key"] or b"",
        row["digest"],
        row["callback"],
        State(row["state"]),
        row["attempts"],
        row["reason"],
        answer,
    )


def columns_of(answer: Answer | None) -> tuple[int | None, bytes | None, bytes | None, bool | None]:
    """The last four columns of a job."""
    if answer is None:
        return None, None, None, None
    return answer.status, written_fields(answer.headers), answer.body, answer.whole
