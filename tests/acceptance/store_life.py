# ruff: noqa: T201 - its output is what the test reads
"""A whole life of jobs, in a process that kills itself at the statement of a number.

python -m tests.acceptance.store_life FILE NUMBER. It says what it was told is done.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.sqlite import SqliteStore
from tests.deferred.building import MIB, a_change, a_job

opened = sqlite3.connect
left = int(sys.argv[2])


def count(_: str) -> None:
    """SQLite is about to run a statement."""
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)


def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
    """A connection that is followed from its beginning."""
    connection: sqlite3.Connection = opened(*arguments, **options)
    connection.set_trace_callback(count)
    return connection


async def live() -> None:
    """Two jobs come; one is answered in the end and calls back, one dies and is woken."""
    store = SqliteStore(Path(sys.argv[1]), MIB)
    await store.lead()
    good, bad = a_job("good", body=b"x" * 9000), a_job("bad")
    for job in (good, bad):
        print("added", await store.add(job), flush=True)
    await store.take(100.0, 8, frozenset())
    await store.settle(good.id, a_change(Event.RETRY))
    await store.settle(bad.id, a_change(Event.GIVE_UP))
    print("dead", bad.id, flush=True)
    await store.take(100.0, 8, frozenset())
    await store.settle(good.id, a_change(Event.ANSWER, attempts=2), a_job("call x", call=True))
    print("answered", good.id, flush=True)
    await store.again(bad.id, 100.0)
    print("woken", bad.id, flush=True)
    await store.close()
    print("closed", flush=True)


if __name__ == "__main__":
    with patch("sqlite3.connect", connect):
        asyncio.run(live())
