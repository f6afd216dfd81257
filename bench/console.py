"""What a benchmark says while it runs: on standard error, so that reports can be redirected."""

import math
import sys
from time import monotonic


class Console:
    """Each line says how many minutes are left, once somebody knows."""

    def __init__(self) -> None:
        self._end: float | None = None

    def expect(self, seconds: float) -> None:
        """So much is left, roughly; 0 when all is done."""
        self._end = monotonic() + seconds if seconds else None

    def say(self, line: str) -> None:
        """One line, now."""
        left = "" if self._end is None else f"[{minutes(self._end - monotonic())}] "
        print(left + line, file=sys.stderr, flush=True)


def minutes(seconds: float) -> str:
    """A time that is rough, as text."""
    return f"{max(1, math.ceil(seconds / 60))} min"


_console = Console()
say, expect = _console.say, _console.expect
