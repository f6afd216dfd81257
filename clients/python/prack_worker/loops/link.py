"""The thread that talks to gateways, which goes on while an application blocks its event loop.

There is one for the process, and it never ends: gRPC for asyncio reports to loops that are closed.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from prack_worker.loops.mailbox import Mailbox

NAME = "prack link"

T = TypeVar("T")


class Link:
    """An event loop in a thread.

    Attributes:
        loop: the thread's; what belongs to it may only be used there.
        inbox: calls into it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.inbox = Mailbox(loop)
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` there. If this is cancelled, it is too, and has ended on return."""
        job = self._begin(work)
        try:
            await asyncio.wait([job.ended])
        except asyncio.CancelledError:
            self.inbox.post(job.cancel)
            await asyncio.wait([job.ended])
            raise
        result: T = job.task.result()
        return result

    async def clean_up(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work` there, which goes on even if this is cancelled."""
        await asyncio.wait([self._begin(work).ended])

    def _begin(self, work: Coroutine[Any, Any, Any]) -> _Job:
        job = _Job(work)
        self.inbox.post(job.start, self.loop)
        return job


class _Job:
    """A task of the link, and a future of the loop that waits for it."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._here = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._here.create_future()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.task = loop.create_task(self._work, name=NAME)
        self.task.add_done_callback(self._end)

    def cancel(self) -> None:
        self.task.cancel()

    def _end(self, task: asyncio.Task[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._here.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def link() -> Link:
    """The link of this process. Its loop is of the same type as the running one."""
    if not _links:
        _links.append(Link(type(asyncio.get_running_loop())()))
    return _links[0]


_links: list[Link] = []
os.register_at_fork(after_in_child=_links.clear)  # a forked child has no such thread
