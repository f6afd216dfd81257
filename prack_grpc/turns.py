"""Who waits for a turn of the loop, however many they are."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

# Connections that are accepted in a turn; and those that end in one, or else they would pile up.
COMINGS = GOINGS = 4

# Seconds that one who goes on has. What takes longer counts for as many more.
GOING = 0.00004


class Turns:
    """Has so many connections go on in each turn of the loop, those that have waited longest.

    So a crowd costs the others no more than these. Clients take turns. With `seconds`, so many pass
    before the next. Who need not wait while few do looks whether `left` is above 0, and takes from
    it what he costs.
    """

    __slots__ = ("_at_once", "_due", "_seconds", "_waiting", "left")

    def __init__(self, at_once: int = 1, seconds: float = 0.0) -> None:
        self._at_once = at_once
        self.left: float = at_once
        self._seconds = seconds
        self._waiting: dict[str, deque[Callable[[], None]]] = {}  # by client, the next one first
        self._due = False  # the next turn is asked for

    def wait(self, go_on: Callable[[], None], client: str = "") -> None:
        """Call this when it is its turn, and not now."""
        waiting = self._waiting.get(client)
        if waiting is None:
            self._waiting[client] = waiting = deque()
        waiting.append(go_on)
        self._ask()

    def _ask(self) -> None:
        if self._due:
            return
        self._due = True
        loop = asyncio.get_running_loop()
        if self._seconds:
            loop.call_later(self._seconds, self._turn)
        else:
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._due, self.left = False, self._at_once
        try:
            while self._waiting and self.left > 0:
                began = perf_counter()
                self._first()()
                self.left -= max(1.0, (perf_counter() - began) / GOING)
        finally:
            if self._waiting:
                self._ask()

    def _first(self) -> Callable[[], None]:
        """Who has waited longest of the client whose turn it is; its next is behind the others'."""
        client, waiting = next(iter(self._waiting.items()))
        go_on = waiting.popleft()
        if len(self._waiting) > 1 or not waiting:
            del self._waiting[client]
            if waiting:
                self._waiting[client] = waiting
        return go_on
