"""An event loop whose time leaps over every wait: an hour passes at once, and always the same way.

Nothing may run in another thread: the loop would not wait for it.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

LATE = 1e-6  # seconds; who looks at the clock must find that it is time, whatever the rounding


class Found(Exception):
    """What must not happen has happened."""


class Selector(selectors.DefaultSelector):
    """Sockets first; when none has news, it is later."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0  # 0 is what did not happen

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See selectors."""
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout + LATE
        return ready


class Loop(asyncio.SelectorEventLoop):
    """Collects what the code under test lets escape. `ends` is closed when the run is over."""

    def __init__(self) -> None:
        self._clock = Selector()
        super().__init__(self._clock)
        self.escaped: list[BaseException] = []
        self.ends = ExitStack()
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """See asyncio."""
        return self._clock.now

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.escaped.append(context.get("exception") or Found(context["message"]))


async def quiet() -> None:
    """Let everything run that needs no time."""
    await asyncio.sleep(0.001)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run this on a loop of its own. Raises what it raises, and what has escaped meanwhile."""
    loops: list[Loop] = []

    def make() -> Loop:
        loops.append(Loop())
        return loops[0]

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(_ended(main, loops))
    for error in loops[0].escaped:
        raise error


async def _ended(main: Coroutine[Any, Any, None], loops: list[Loop]) -> None:
    with loops[0].ends:
        await main
