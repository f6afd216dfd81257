"""The threads that a WSGI application runs in.

Not `concurrent.futures`: its two futures and their locks cost more than a small request, and
its threads keep the process alive at exit, which a stop at the end of its grace must not wait for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

log = logging.getLogger("prack_worker")
Job = Callable[[], object]


class ThreadPool:
    """Runs jobs in up to `size` daemon threads, started as they are needed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started = 0
        self._busy = 0

    def submit(self, job: Job) -> None:
        """Run `job` in a thread; call from the event loop, and `release` when it has ended."""
        self._busy += 1
        if self._started < min(self._busy, self._size):
            self._started += 1
            Thread(target=self._work, name=f"prack-{self._started}", daemon=True).start()
        self._jobs.put(job)

    def release(self) -> None:
        self._busy -= 1

    def close(self) -> None:
        """Let the threads end after the jobs they have; does not wait."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:  # a thread less would be a slot that never answers
                log.exception("A thread failed outside of the application; please report this bug")
            del job  # it holds a request, and the next may be long in coming
