"""Whose turn of the loop is over waits here, however many they are."""

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """Has one connection go on in each turn of the loop, the one that has waited longest.

    So a crowd costs the others what one does. Who has little to parse never waits here.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call this when it is its turn, and not in this one."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        go_on = self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        go_on()
