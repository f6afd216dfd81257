"""The one time-out of a client's connection."""

import asyncio
import enum
from collections.abc import Callable


class Phase(enum.Enum):
    """What the connection waits for its client to do."""

    HEAD = "head"
    BODY = "body"
    PAUSED = "end of a pause"  # we do not read, and look now and then whether it is still there
    NOTHING = "nothing"
    NEXT = "next request"
    LINGER = "end"  # the last answer was sent, the client may still be sending


class Waiting:
    """The one time-out of a connection: moved with every phase, its timer only when it fires."""

    __slots__ = ("_due", "_late", "_loop", "_timer", "phase")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[Phase], None]) -> None:
        self._loop = loop
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.phase = Phase.NOTHING

    def start(self, phase: Phase, seconds: float) -> None:
        """Wait for this from now on, in place of what was waited for."""
        self.phase = phase
        if phase is Phase.NOTHING:
            return
        self._due = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._fire)

    def cancel(self) -> None:
        """Wait for nothing any more."""
        self.phase = Phase.NOTHING
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self._timer = None
        if self.phase is Phase.NOTHING:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._fire)
        else:
            self._late(self.phase)
