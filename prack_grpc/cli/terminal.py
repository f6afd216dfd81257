"""Printing of text that came from the network: control characters are escaped."""

import sys
from typing import TextIO

from prack_wire.terminal import visible


def say(line: object, file: TextIO | None = None) -> None:
    """Print one line."""
    print(visible(line), file=file or sys.stdout)
