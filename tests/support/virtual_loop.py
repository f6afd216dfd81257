"""An event loop whose time passes only while nobody has anything to do."""

import asyncio
import selectors
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers fire in their order, at once. Not for sockets, whose time is the real one."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        """Seconds since this loop was made."""
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Nothing happens for so long."""
        self._now += seconds


class _Impatient(selectors.SelectSelector):
    """Waits for nothing."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Of what would be waited for, the time passes by."""
        if timeout:
            self._loop.pass_by(timeout)
        return super().select(0)
