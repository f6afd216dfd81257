"""The one time-out of a client's connection."""

import asyncio
import enum
from collections.abc import Callable
from contextvars import Context

# Of all timers; else each would have a copy of its own.
CONTEXT = Context()


class Phase(enum.Enum):
    """What the connection waits for its client to do."""

    HEAD = "head"
    BODY = "body"
    PAUSED = "end of a pause"  # we do not read, and look now and then whether it is still there
    NOTHING = "nothing"
    NEXT = "next request"
    LINGER = "end"  # the last answer was sent, the client may still be sending


# To look a member of an enumeration up costs 0.1 us (CPython 3.11); these are asked for often.
NOTHING, NEXT, LINGER = Phase.NOTHING, Phase.NEXT, Phase.LINGER

PAUSE_SECONDS = 1.0  # from one look to the next


class Timeout:
    """Moved with every phase, its timer only when it fires. `phase` may be set to NOTHING."""

    __slots__ = ("_due", "_late", "_loop", "_timer", "phase")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[Phase], None]) -> None:
        self._loop = loop
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.phase = NOTHING

    def start(self, phase: Phase, seconds: float) -> None:
        """Wait for this from now on, in place of what was waited for."""
        self.phase = phase
        self._due = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._fire, context=CONTEXT)

    def cancel(self) -> None:
        """Wait for nothing any more, and forget the connection, which holds this."""
        self.phase = NOTHING
        self._late = _ignore
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        if self.phase is NOTHING:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._fire, context=CONTEXT)
        else:
            self._late(self.phase)


def _ignore(_: Phase) -> None:
    """The connection is gone."""
