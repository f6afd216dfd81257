"""Logs when the application blocks the event loop: where, for how long, and the remedy."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from contextlib import suppress

from prack_worker.stopping import place_of

log = logging.getLogger("prack_worker")

TICK_SECONDS = 0.25
TICKS = 4  # without an answer; not seconds, as a process that was stopped has not blocked anything
BLOCKED = (
    "The event loop has been blocked for %.1f s, at %s. No other request of this worker goes on "
    "meanwhile. Move the blocking call off the event loop: await asyncio.to_thread(...), or a "
    "plain `def` view where the framework runs those in threads"
)


class Watchdog:
    """A thread that checks whether the running loop still answers, and logs each block once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._asked_at = 0.0
        self._answered_at = 0.0
        self._closing = threading.Event()
        threading.Thread(target=self._watch, name="prack watchdog", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def _watch(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._ask()
            silent = 0
            while not self._closing.wait(TICK_SECONDS):
                if self._answered_at < self._asked_at:
                    silent += 1
                    if silent == TICKS:
                        self._report()
                    continue
                if silent >= TICKS:
                    blocked = self._answered_at - self._asked_at
                    log.warning("The event loop goes on, after it was blocked for %.1f s", blocked)
                silent = 0
                self._ask()

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered_at = time.monotonic()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._thread)
        if frame is not None:
            log.warning(BLOCKED, time.monotonic() - self._asked_at, place_of(frame))
