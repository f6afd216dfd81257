"""How the process ends: on a signal, and in time, whatever its threads do."""

from __future__ import annotations

import logging
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from prack_worker.worker import Worker

log = logging.getLogger("prack_worker")

REPORT_SECONDS = 0.75  # after the grace, what is left is named
END_SECONDS = 1.0  # after the grace, the process ends
STDLIB = sysconfig.get_path("stdlib")
PACKAGES = sysconfig.get_path("purelib")
OWN = str(Path(__file__).parent)
IDLE = ("_work", "_worker")  # where a thread of a pool waits: ours, concurrent.futures'


class Deadline:
    """Ends the process by the time at which it should have ended by itself.

    Not even a loop that is blocked, or a log that nobody reads, can keep it: it has two threads of
    its own, one to say what is left and one to end.
    """

    def __init__(self, worker: Worker, grace: float) -> None:
        self._worker = worker
        self._grace = grace
        self._armed = self._told = False

    def arm(self, status: int) -> None:
        """From now on the process has its grace, and then ends with this exit status."""
        if self._armed:
            return
        self._armed = True
        _later(self._grace + REPORT_SECONDS, self.report)
        _later(self._grace + END_SECONDS, os._exit, status)

    def report(self) -> None:
        """Name what is still there, once."""
        left = [*self._worker.held(), *busy_threads()]
        if left and not self._told:
            self._told = True
            log.warning("Left behind: %s", "; ".join(left))


def on_signal(worker: Worker, deadline: Deadline, number: signal.Signals) -> None:
    """The first signal asks, the second insists."""
    if worker.draining:
        log.warning("Stopped at once")
        logging.shutdown()
        os._exit(128 + number)  # threads of a WSGI application cannot be waited for
    worker.drain()
    deadline.arm(0)


def busy_threads() -> list[str]:
    """The threads of the application that are doing something, and where they are."""
    frames = sys._current_frames()
    return [
        f"thread {thread.name} at {place_of(frames[thread.ident])}"
        for thread in threading.enumerate()
        if thread.ident in frames
        and not isinstance(thread, threading.Timer)
        and thread is not threading.main_thread()
        and frames[thread.ident].f_code.co_name not in IDLE
    ]


def place_of(frame: FrameType) -> str:
    """The innermost place outside of the standard library, or the innermost one."""
    at: FrameType | None = frame
    while at is not None:
        name = at.f_code.co_filename
        if not name.startswith((OWN, "<frozen")) and (
            name.startswith(PACKAGES) or not name.startswith(STDLIB)
        ):
            break
        at = at.f_back
    at = at or frame
    return f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_name}"


def _later(seconds: float, call: Callable[..., object], *args: object) -> None:
    timer = threading.Timer(seconds, call, args)
    timer.daemon = True
    timer.start()
