"""The command that runs the application: a process, and all that it has started."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from prack_worker.errors import AppLoadError

LOOK_SECONDS = 0.05  # between two looks whether all have ended


class Command:
    """Runs as a process group of its own, so that a Ctrl-C is not for it, and nothing is left.

    Args:
        words: the program and its arguments.
        environ: its variables.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self.words = words
        self._environ = environ
        self._process: Process | None = None
        self._asked = False

    async def start(self) -> None:
        """Start it. Raises AppLoadError."""
        self._asked = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.words, stdin=DEVNULL, env=self._environ, start_new_session=True
            )
        except OSError as error:
            raise AppLoadError(f'"{self.words[0]}" cannot be run: {error.strerror}') from None

    async def ended(self) -> int:
        """Wait for its end; returns its exit status, 128 and more for a signal."""
        if self._process is None:
            return 0
        status = await self._process.wait()
        return status if status >= 0 else 128 - status

    def terminate(self) -> None:
        """Ask all of its processes to end, once: many programs stop at once when asked again."""
        if not self._asked:
            self._asked = True
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all of its processes."""
        self._signal(signal.SIGKILL)

    async def stop(self, seconds: float) -> None:
        """Terminate, and kill what is left after so many seconds."""
        self.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended()
                while self._is_left():  # noqa: ASYNC110 - nobody tells us the end of grandchildren
                    await asyncio.sleep(LOOK_SECONDS)
        self.kill()
        await self.ended()

    def _is_left(self) -> bool:
        """Whether something of it is there when its first process has ended."""
        if self._process is not None:
            # In a container its orphans are ours, and stay until somebody waits for them.
            with suppress(ChildProcessError):
                while os.waitpid(-self._process.pid, os.WNOHANG)[0]:
                    pass
        return self._signal(0)

    def _signal(self, number: int) -> bool:
        """Returns whether one of its processes is there."""
        if self._process is None:
            return False
        try:
            os.killpg(self._process.pid, number)
        except OSError:  # none is left, or none that is ours to stop
            return False
        return True
