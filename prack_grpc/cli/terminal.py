"""Printing of text that came from the network: control characters are escaped."""

import sys
from collections.abc import Sequence
from typing import TextIO

from prack_wire.terminal import visible


def say(line: object, file: TextIO | None = None) -> None:
    """Print one line."""
    print(visible(line), file=file or sys.stdout)


def say_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print the cells of all lines below their headings."""
    shown = [[visible(cell) for cell in line] for line in (headings, *lines)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        say("  ".join(cells).rstrip())


def complain(problems: Sequence[str]) -> None:
    """Say what is wrong with a command line, and where to find what is right."""
    for problem in problems:
        print(f"prack: {problem}", file=sys.stderr)
    if problems:
        print("prack: `prack serve --help` lists every option", file=sys.stderr)
