"""What a benchmark says while it runs: on standard error, so that reports can be redirected."""

import sys


def say(line: str) -> None:
    """One line, now."""
    print(line, file=sys.stderr, flush=True)
