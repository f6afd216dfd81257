"""Printing of text that came from the network: control characters are escaped."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from prack_wire.terminal import visible


def say(line: object, file: TextIO | None = None) -> None:
    """Print one line."""
    print(visible(line), file=file or sys.stdout)


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of the same fields, with their names above."""
    if not rows:
        say("none")
        return
    lines = [[visible(name.upper()) for name in rows[0]]]
    lines += [
        ["-" if value in (None, "") else visible(value) for value in row.values()] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        say("  ".join(cells).rstrip())
