"""The keys of a terminal, one by one."""

import os
import re
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

# What terminals send for keys that have no letter, and a letter that means the same.
NAMED = {"A": "k", "B": "j", "5~": "b", "6~": " "}
KEY = re.compile(r"\x1b[\[O](\d+~|[A-Z])|(.)", re.DOTALL)


@contextmanager
def unbuffered(terminal: int) -> Iterator[None]:
    """Within, keys come one by one and are not shown. Ctrl-Z does nothing: it would leave a screen
    behind that is not the shell's.
    """
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        now = termios.tcgetattr(terminal)
        now[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(terminal, termios.TCSANOW, now)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def pressed(terminal: int) -> Iterator[str]:
    """The keys that are pressed from now on, until the terminal is gone."""
    while True:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            return
        if not data:
            return
        yield from keys(data.decode("latin-1"))


def keys(text: str) -> Iterator[str]:
    """The keys in what a terminal sends; those that have no letter and no meaning are left out."""
    for named, letter in KEY.findall(text):
        if key := letter or NAMED.get(named):
            yield key
