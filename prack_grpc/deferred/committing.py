"""A thread with a SQLite connection: what was asked while it wrote is written together."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from prack_grpc.core.errors import PrackError
from prack_grpc.deferred.store import StoreFailed

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
# Calls of one transaction. A disk takes milliseconds for each, however much is in it.
TOGETHER = 256


class Committing:
    """Runs functions on the connection, each batch in one transaction that is on the disk at the
    end (synchronous=FULL). A function that raises a PrackError has changed nothing.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._calls: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    async def call(self, work: Work[T]) -> T:
        """Its result, once what it has written is on the disk. Raises StoreFailed."""
        future: Future[T] = Future()
        self._calls.put((work, future))
        return await asyncio.shield(asyncio.wrap_future(future))

    async def close(self) -> None:
        """Finish what was asked, and close the connection."""
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._batch():
            results = self._commit([work for work, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._connection.close()

    def _batch(self) -> list[tuple[Work[Any], Future[Any]]]:
        """What is asked now, after a wait for the first; empty at the end."""
        call = self._calls.get()
        batch = []
        while call is not None:
            batch.append(call)
            if len(batch) == TOGETHER or self._calls.empty():
                return batch
            call = self._calls.get()
        if batch:
            self._calls.put(None)  # the end comes after these
        return batch

    def _commit(self, works: list[Work[Any]]) -> list[Any]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [_tried(work, connection) for work in works]
            connection.execute("COMMIT")
        except Exception as error:  # a thread that ends would answer nobody, and hold the lock
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [StoreFailed(str(error))] * len(works)
        return results


def _tried(work: Work[T], connection: sqlite3.Connection) -> T | PrackError:
    try:
        return work(connection)
    except PrackError as error:
        return error
