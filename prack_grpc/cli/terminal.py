"""What is printed came from whoever answered at a port, so that it must not steer the terminal."""

import sys
from typing import TextIO

from prack_wire.terminal import visible


def say(line: object, file: TextIO | None = None) -> None:
    """Print one line."""
    print(visible(line), file=file or sys.stdout)
