"""A program on a terminal of its own: what its screen shows, and keys that are pressed there."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from select import POLLIN, poll

from tests.acceptance.processes import PYTHON, ROOT, SECONDS, environment

HOME = "\x1b[H"  # a whole new screen follows
STYLE = re.compile(r"\x1b\[[\d;]*m")
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"  # the other screen of the terminal
# Ctrl-C is for whom the terminal is the controlling one; then the program takes the place of this.
CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Screen:
    """The terminal of one program, so many columns and lines large."""

    def __init__(self, *command: str, columns: int, lines: int, env: Mapping[str, str]) -> None:
        self._master, self.slave = pty.openpty()
        self._poll = poll()
        self._poll.register(self._master, POLLIN)
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.popen = subprocess.Popen(
            (PYTHON, "-S", "-c", CONTROLLED, *command),
            cwd=ROOT,
            # Variables of whoever runs the tests would stand for the size of this terminal.
            env=environment({"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **env}),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )
        self.written = ""
        self._decoder = getincrementaldecoder("utf-8")()

    def resize(self, columns: int, lines: int) -> None:
        """Make it as large; the program is told."""
        self.lines = lines
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def press(self, keys: str) -> None:
        """Send what a terminal sends for these keys."""
        os.write(self._master, keys.encode())

    def shown(self) -> list[str]:
        """The lines of the last screen that was drawn as a whole, without their styles."""
        for frame in reversed(self.written.split(HOME)):
            lines = STYLE.sub("", frame).replace("\r", "").split("\n")
            if len(lines) >= self.lines:
                return [line.rstrip() for line in lines]
        return []

    def until(self, fits: Callable[[str], bool], seconds: float = SECONDS) -> str:
        """Wait for a screen that fits; its text."""
        deadline = time.monotonic() + seconds
        while not fits(text := "\n".join(self.shown())):
            assert time.monotonic() < deadline, (
                f"no such screen, but, of {self.popen.poll()}:\n{text or self.written[-4000:]!r}"
            )
            self._read(deadline - time.monotonic())
        return text

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for the end of the program; its exit status."""
        deadline = time.monotonic() + seconds
        while self.popen.poll() is None:
            assert time.monotonic() < deadline, "\n".join(self.shown())
            self._read(0.05)
        while self._read(0):
            pass
        return self.popen.returncode

    def close(self) -> None:
        """End the program, if it has not ended."""
        self.popen.kill()
        self.popen.wait()
        os.close(self._master)
        os.close(self.slave)

    def _read(self, seconds: float) -> bool:
        """Take what the program writes within this time; whether that was anything."""
        ready = bool(self._poll.poll(max(0.0, seconds) * 1000))
        if ready:
            self.written += self._decoder.decode(os.read(self._master, 65536))
        return ready


@contextmanager
def on_screen(
    *command: str, columns: int = 80, lines: int = 24, env: Mapping[str, str] | None = None
) -> Iterator[Screen]:
    """A program on a terminal, gone at the end."""
    screen = Screen(*command, columns=columns, lines=lines, env=env or {})
    try:
        yield screen
    finally:
        screen.close()
