"""A thread with an event loop of its own, for what must go on while the application's is blocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from prack_worker.mailbox import Mailbox

NAME = "prack link"
END_SECONDS = 1.0  # for the thread to end; a name server that does not answer may hold it

T = TypeVar("T")


class Link:
    """Create and close it on the application's loop.

    Attributes:
        loop: the thread's.
        inward: calls into the thread.
        outward: calls from the thread into the loop that created it.
    """

    def __init__(self) -> None:
        here = asyncio.get_running_loop()
        self.loop = type(here)()
        self.inward = Mailbox(self.loop)
        self.outward = Mailbox(here)
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` on the thread's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def close(self) -> None:
        """Cancel what runs in the thread, and end it."""
        self.inward.post(self._closing.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), END_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._until_closed())
        self.outward.post(self._ended.set)

    async def _until_closed(self) -> None:
        await self._closing.wait()
