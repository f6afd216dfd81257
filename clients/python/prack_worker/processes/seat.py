"""The place of one process, which stays when the process ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from prack_wire.restarts import Restarts
from prack_worker.processes.child import Child, Children

log = logging.getLogger("prack_worker")

START_SECONDS = 600.0  # an application may load large models


class NotStarted(Exception):
    """A process has ended before a gateway welcomed it; the text is why, perhaps a traceback."""

    def __init__(self, child: Child) -> None:
        super().__init__(child.failure or f"it has ended with status {child.ended.result()}")

    def log(self, what: str) -> None:
        """Say what follows from it, and the reason; the application's traceback comes after it."""
        lines = str(self).strip().splitlines()
        args = what, lines[-1]
        record = log.makeRecord(log.name, logging.ERROR, __file__, 0, "%s: %s", args, None)
        if lines[1:]:
            record.exc_text = "\n".join(lines)  # as exc_info, our own frames would come with it
        log.handle(record)


class Seat:
    """Who serves under this name.

    Args:
        spent: called with the seat, its process and the reason when that is to be replaced.
    """

    def __init__(
        self, name: str, children: Children, spent: Callable[[Seat, Child, str], object]
    ) -> None:
        self.name = name
        self._children = children
        self._spent = spent
        self._restarts = Restarts()
        self._changing = asyncio.Lock()
        self._child: Child | None = None

    async def start(self) -> Child:
        """Have a first process. Raises OSError."""
        self._child = await self._begin()
        return self._child

    def has(self, child: Child) -> bool:
        """Whether this is the process that serves here."""
        return child is self._child

    async def keep(self) -> None:
        """See to it that there is a process, until cancelled."""
        while child := self._child:
            await asyncio.shield(child.ended)
            served = child.age
            while self.has(child):
                wait = self._restarts.wait(served)
                self._report(child, wait)
                await asyncio.sleep(wait)
                await self._again(child)
                served = 0.0

    def _report(self, child: Child, wait: float) -> None:
        when = f"in {wait:g} s" if wait else "now"
        if child.ready.result():
            status = child.ended.result()
            log.warning(
                "%s has ended with status %d; it is started again %s", self.name, status, when
            )
        else:
            NotStarted(child).log(f"{self.name} does not start, and is tried again {when}")

    async def _again(self, child: Child) -> None:
        """Start a process, unless there is one meanwhile."""
        async with self._changing:
            if self.has(child):
                try:
                    await self.start()
                except OSError as error:
                    log.error("%s cannot be started: %s", self.name, error)

    async def replace(self, grace: float) -> None:
        """Have a new process serve; then the old one drains for `grace` seconds.

        Raises:
            NotStarted: the old one goes on.
            OSError: so it does.
        """
        async with self._changing:
            old, new = self._child, await self._begin()
            try:
                async with asyncio.timeout(START_SECONDS):
                    await asyncio.shield(new.ready)
            except TimeoutError:
                log.error("%s is not welcomed by a gateway for %g s", self.name, START_SECONDS)
                await new.stop(grace)
            if not new.ready.done() or not new.ready.result():
                raise NotStarted(new)
            self._child = new
        if old:
            await old.stop(grace)

    async def leave(self, grace: float) -> None:
        """Have no process any more: it drains for `grace` seconds."""
        if self._child:
            await self._child.stop(grace)

    async def _begin(self) -> Child:
        child = await self._children.start(self.name)
        child.on_spent = lambda why: self._spent(self, child, why)
        return child
