"""Ends the process on a signal, and in time, even if threads do not end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, NoReturn, Protocol

from prack_wire import forks

log = logging.getLogger("prack_worker")

REPORT_SECONDS = 0.75  # after the grace, what is left is named
END_SECONDS = 1.0  # after the grace, the process ends
STDLIB = sysconfig.get_path("stdlib")
PACKAGES = sysconfig.get_path("purelib")
OWN = str(Path(__file__).parent)
FOREIGN = (OWN, STDLIB, PACKAGES, "<frozen")
# Where threads wait: those of our pool and of concurrent.futures.
IDLE = ("_work", "_worker", "_wait")
# Threads that are not the application's: ours, and gRPC's.
OTHERS = ("prack deadline", "prack link", "prack watchdog", "(_poll_wrapper)")


class Served(Protocol):
    """What is stopped: a worker, or one with what is beside it."""

    async def run(self) -> None:
        """Return after `drain`, when nothing is left."""

    def drain(self) -> None:
        """Finish what is held, and end."""

    def held(self) -> list[str]:
        """The unfinished requests, as text for the log. Callable from any thread."""


class Deadline:
    """Ends the process when its grace period is over and it has not ended by itself.

    Not even a loop that is blocked, or a log that nobody reads, can keep it: it has two threads of
    its own, one to say what is left and one to end.

    Args:
        served: what is to end.
        grace: seconds.
        last: called, from any thread, before the process ends without it.
    """

    def __init__(self, served: Served, grace: float, last: Callable[[], object]) -> None:
        self._served = served
        self._grace = grace
        self._last = last
        self._told = False
        self._over = False
        self._armed: SimpleQueue[int] = SimpleQueue()
        threading.Thread(target=self._wait, name="prack deadline", daemon=True).start()

    def arm(self, status: int) -> None:
        """Start the grace period; after it the process ends with this exit status.

        May be called by a signal handler: that is why the thread is there before.
        """
        self._armed.put(status)

    def disarm(self) -> None:
        """Nothing is to be ended any more, whoever has armed it."""
        self._over = True
        self._armed.put(0)  # lets the thread end

    def _wait(self) -> None:
        status = self._armed.get()
        if not self._over:
            _later(self._grace + END_SECONDS, self._expire, status)
            _later(self._grace + REPORT_SECONDS, self.report)

    def _expire(self, status: int) -> None:
        if not self._over:
            self.end(status)

    def end(self, status: int) -> NoReturn:
        """End the process at once: threads of a WSGI application cannot be waited for."""
        try:
            self._last()
        finally:
            os._exit(status)

    def report(self) -> None:
        """Log the requests and threads that are left, once."""
        left = [*self._served.held(), *busy_threads()]
        if left and not self._told and not self._over:
            self._told = True
            log.warning("Left behind: %s", "; ".join(left))


class Stop:
    """The first signal drains the worker; the second ends the process at once, if it may.

    Not the loop's signal handlers: one that is blocked would hear of none.

    Args:
        served: what is to end.
        deadline: ends the process.
        insisting: a second signal is somebody's wish. It is not where two tell the same thing, a
            parent and what stops all processes of a group.
    """

    def __init__(self, served: Served, deadline: Deadline, *, insisting: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        self._served = served
        self._deadline = deadline
        self._insisting = insisting
        self._asked = False
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """Handle the signals of this process, not those of forked children."""
        forks.disown()
        self._before = {number: signal.signal(number, self._hear) for number in forks.STOPPING}

    def forget(self) -> None:
        """Leave the signals to whoever handled them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._asked and self._insisting:
            log.warning("Stopped at once; unfinished requests are lost")
            logging.shutdown()
            self._deadline.end(128 + number)
        self.ask()

    def ask(self) -> None:
        """Do what the first signal does, if there was none."""
        if self._asked:
            return
        self._asked = True
        self._deadline.arm(0)
        with suppress(RuntimeError):  # the loop is closed: the process is about to end
            self._loop.call_soon_threadsafe(self._served.drain)


def busy_threads() -> list[str]:
    """The busy threads of the application, and where each is."""
    frames = sys._current_frames()
    return [
        f"thread {thread.name} at {place_of(frames[thread.ident])}"
        for thread in threading.enumerate()
        if thread.ident in frames
        and not isinstance(thread, threading.Timer)
        and not thread.name.endswith(OTHERS)
        and thread is not threading.main_thread()
        and frames[thread.ident].f_code.co_name not in IDLE
    ]


def place_of(frame: FrameType) -> str:
    """The innermost frame of the application, else of an installed package, else of all."""
    outside = [one for one in _stack(frame) if not one.f_code.co_filename.startswith(FOREIGN)]
    packages = [one for one in _stack(frame) if one.f_code.co_filename.startswith(PACKAGES)]
    at = next(iter([*outside, *packages, frame]))
    return f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_name}"


def _stack(frame: FrameType) -> Iterator[FrameType]:
    """The frames from the innermost to the outermost."""
    at: FrameType | None = frame
    while at is not None:
        yield at
        at = at.f_back


def _later(seconds: float, call: Callable[..., object], *args: object) -> None:
    timer = threading.Timer(seconds, call, args)
    timer.daemon = True
    timer.start()
