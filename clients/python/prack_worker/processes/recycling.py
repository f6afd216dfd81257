"""When a process has served for long enough, so that what it leaks comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from prack_worker.settings.settings import Settings


class Recycling:
    """Calls `spent`, with the reason, each time that so many requests or seconds are over.

    More than once, as what is to replace the process may not start.
    """

    def __init__(self, settings: Settings, spent: Callable[[str], object]) -> None:
        self._most, self._jitter = settings.max_requests, settings.max_requests_jitter
        self._lifetime = settings.max_lifetime
        self._spent = spent
        self._left = self._draw()

    def start(self) -> None:
        """The process serves from now on."""
        if self._lifetime:
            asyncio.get_running_loop().call_later(self._lifetime, self._age)

    def count(self) -> None:
        """A request was answered."""
        self._left -= 1
        if self._left == 0:
            self._spent(f"has answered its {self._most} requests or more")
            self._left = self._draw()

    def _draw(self) -> int:
        """After how many requests; without a limit, never 0."""
        if not self._most:
            return -1
        return self._most + random.randint(0, self._jitter)  # noqa: S311 - hides nothing

    def _age(self) -> None:
        self._spent(f"has run for {self._lifetime:g} s")
        self.start()
