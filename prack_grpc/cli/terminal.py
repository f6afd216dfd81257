"""What is printed came from whoever answered at a port, so that it must not steer the terminal."""

import sys
from typing import TextIO


def visible(value: object) -> str:
    """The text, with an escape for each character that cannot be seen, line ends among them."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)
    )


def say(line: object, file: TextIO | None = None) -> None:
    """Print one line."""
    print(visible(line), file=file or sys.stdout)
