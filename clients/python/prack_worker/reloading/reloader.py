"""Starts the application anew at each change; shows why, if it does not start."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from prack_wire.forks import STOPPING
from prack_wire.starter import STARTER
from prack_worker.cli.dialling import transport
from prack_worker.cli.logs import start_logging
from prack_worker.processes.child import Child, Children, same_command
from prack_worker.processes.parent import Parent
from prack_worker.reloading.page import FailurePage
from prack_worker.reloading.watching import Watched, changes, check_installed, forget
from prack_worker.settings.settings import Settings
from prack_worker.worker import Worker, first

log = logging.getLogger("prack_worker")

# How long the old one may finish its requests: whoever develops waits for it.
DRAIN_SECONDS = 1.0
ORPHAN_SECONDS = 2.0  # longer, as it must not come before us
NAME = "app"  # of the process, beside this one
PAGE_SLOTS = 64
SHOWN = 3  # names of changed files in a line


class Reloader:
    """Runs an application in a process of its own, from each change to the next.

    Between two of them requests wait at the gateway. While the application does not run, this
    process answers in its place, with a page that says why.

    Args:
        name: of the application, for people.
        settings: of its worker.
        watched: the files whose changes count.
    """

    def __init__(self, name: str, settings: Settings, watched: Watched) -> None:
        self._name = name
        self._settings = settings
        self._watched = watched
        self._children = Children(same_command(), typed=True)
        self._changed: set[Path] = set()
        self._next = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Return some time after `stop`.

        Raises:
            GatewayRefused: the gateway takes no such worker, whatever the application is.
            UsageError: nor can one be started, or its files cannot be watched.
        """
        watching = asyncio.create_task(self._watch())
        try:
            while not self._stopping:
                self._next.clear()
                while self._changed:
                    forget(self._changed.pop())
                await self._serve(await self._children.start(NAME))
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def stop(self) -> None:
        """End what runs now, and start no more."""
        self._stopping = True
        self._next.set()

    async def _watch(self) -> None:
        try:
            async for files in changes(self._watched):
                log.info("Changed: %s; starting again", _listed(files))
                self._changed.update(files)
                self._next.set()
        finally:
            self.stop()  # of the next change nobody would hear

    async def _serve(self, child: Child) -> None:
        """Return at the next change."""
        await first(asyncio.wait([child.ended]), self._next.wait())
        if self._next.is_set():
            # What is killed with it, and is safe to repeat, goes to its successor.
            await child.stop(DRAIN_SECONDS)
        else:
            await self._show(child.failure or _ending(child.ended.result()))

    async def _show(self, text: str) -> None:
        """Answer with the reason, until the next change."""
        page, dial = FailurePage(self._name, text), transport(self._settings, "page")
        log.error("%s does not run; mend it and save", self._name)
        sys.stderr.write(f"{text.rstrip()}\n")
        worker = Worker(page, dial, slots=PAGE_SLOTS, grace=DRAIN_SECONDS)
        running = asyncio.create_task(worker.run())
        await first(asyncio.wait([running]), self._next.wait())
        worker.drain()
        await running


def run(name: str, settings: Settings) -> int:
    """Run the application with this name until a signal. Returns the exit status.

    Raises GatewayRefused or UsageError.
    """
    check_installed()
    start_logging(settings)
    folders = settings.reload_dir or (settings.app_dir,)
    log.info("Watching %s, for development only", ", ".join(map(str, folders)))
    asyncio.run(_run(name, settings, Watched(folders, ("*.py", *settings.reload_include))))
    log.info("Stopped")
    return 0


async def _run(name: str, settings: Settings, watched: Watched) -> None:
    reloader = Reloader(name, settings, watched)
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, reloader.stop)
    Parent.of(os.environ, STARTER).watch(reloader.stop)
    await reloader.run()


def orphaned_soon(settings: Settings) -> Settings:
    """Those of a process that runs the application: if its parent is gone, it ends soon, too."""
    return replace(settings, grace=min(settings.grace, ORPHAN_SECONDS))


def _ending(status: int) -> str:
    return f"It ended by itself, with exit status {status}. The terminal may say why."


def _listed(files: Sequence[Path]) -> str:
    more = len(files) - SHOWN
    names = ", ".join(file.name for file in files[:SHOWN])
    return f"{names} and {more} more" if more > 0 else names
