"""Waiting for what a worker has to do, until it does or breaks a rule."""

import asyncio
from collections.abc import Callable

from prack_grpc.conformance.case import Broken


class Witness:
    """Whoever sees what comes of a worker.

    Args:
        patience: seconds to wait for what is due.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._broken: Broken | None = None
        self._changed = asyncio.Event()

    def fail(self, broken: Broken) -> None:
        """The worker broke a rule; the first one counts."""
        self._broken = self._broken or broken
        self.notice()

    def notice(self) -> None:
        """Something has come."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self) -> None:
        """Wait until something comes."""
        await self._changed.wait()

    def check(self) -> None:
        """Raise Broken if any rule was broken yet."""
        if self._broken is not None:
            raise self._broken

    def end(self) -> str:
        """Why nothing more will come, "" if it may."""
        return ""

    def state(self) -> str:
        """What is open, for the report."""
        return ""

    async def until(
        self,
        condition: Callable[[], bool],
        rule: str,
        expected: str,
        seconds: float | None = None,
    ) -> None:
        """Wait for a condition on what has come. Raises Broken, also for any other rule."""
        seconds = self.patience if seconds is None else seconds
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self.check()
                    if end := self.end():
                        raise Broken(rule, f"expected {expected}; {end} first")
                    await self.change()
        except TimeoutError:
            seen = f"expected {expected} within {seconds:g} s"
            state = f"; {self.state()}" if self.state() else ""
            raise Broken(rule, seen + state) from None
        self.check()

    async def quiet(self, seconds: float, rule: str) -> None:
        """Let so much time pass, in which nothing ends and no rule is broken. Raises Broken."""
        try:
            await self.until(lambda: False, rule, "that nothing ends", seconds)
        except Broken as broken:
            if broken is self._broken or self.end():
                raise
