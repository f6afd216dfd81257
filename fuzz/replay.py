"""Gives files to a target: `python -m fuzz.replay TARGET FILE...` repeats a crash."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path


def target(name: str) -> Callable[[bytes], None]:
    """The function of bytes that this name stands for."""
    one: Callable[[bytes], None] = importlib.import_module(f"fuzz.targets.{name}").one
    return one


def main(name: str, *files: str) -> None:
    """Raises what the first of them finds."""
    one = target(name)
    for file in files:
        one(Path(file).read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
