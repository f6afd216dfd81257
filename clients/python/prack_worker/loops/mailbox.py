"""Calls from one thread into the event loop of another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Mailbox:
    """Calls from threads into the event loop; many of them share one wake-up of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._armed = False

    def post(self, call: Callable[..., object], *args: object) -> None:
        """Have the event loop do `call(*args)`; from any thread."""
        self._calls.append((call, args))
        if not self._armed:
            self._armed = True
            with suppress(RuntimeError):  # the loop is closed: the worker gave this thread up
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._armed = False  # before the look, so that a later post arms again
        try:
            while self._calls:
                call, args = self._calls.popleft()
                call(*args)
        except BaseException:  # the loop tells of it; the others must not wait for a later post
            self._loop.call_soon(self._deliver)
            raise
