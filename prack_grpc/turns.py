"""Who waits for a turn of the loop, however many they are."""

import asyncio
from collections import deque
from collections.abc import Callable

# Connections that are accepted in a turn; and those that end in one, or else they would pile up.
COMINGS = GOINGS = 4


class Turns:
    """Has so many connections go on in each turn of the loop, those that have waited longest.

    So a crowd costs the others no more than these. With `seconds`, so many pass before the next.
    """

    __slots__ = ("_at_once", "_seconds", "_waiting")

    def __init__(self, at_once: int = 1, seconds: float = 0.0) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call this when it is its turn, and not in this one."""
        self._waiting.append(go_on)
        if len(self._waiting) <= self._at_once:
            self._call_next()

    def _next(self) -> None:
        go_on = self._waiting.popleft()
        if len(self._waiting) >= self._at_once:
            self._call_next()
        go_on()

    def _call_next(self) -> None:
        loop = asyncio.get_running_loop()
        if self._seconds:
            loop.call_later(self._seconds, self._next)
        else:
            loop.call_soon(self._next)
