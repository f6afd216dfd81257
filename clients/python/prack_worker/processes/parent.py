"""The process that started this one, seen from it; `child` has what is said between them."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("prack_worker")

# A descriptor, and the name of the process.
VARIABLE = "PRACK_CHILD"
MOST_SHOWN = 15  # characters of a name that Linux keeps (proc(5), /proc/pid/comm)


class Parent:
    """Who is told how this process fares, and outlived by nobody.

    Attributes:
        name: of this process; empty if nobody has started it as a child.
    """

    def __init__(self, name: str = "", channel: socket.socket | None = None) -> None:
        self.name = name
        self._channel = channel
        self._is_told = False

    @classmethod
    def of(cls, environ: MutableMapping[str, str], variable: str = VARIABLE) -> Parent:
        """That of this process. What the application starts is none of its children."""
        given = environ.pop(variable, "")
        if not given:
            return cls()
        number, _, name = given.partition(" ")
        channel = socket.socket(fileno=int(number))
        channel.set_inheritable(False)
        entitle(name)
        return cls(name, channel)

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self._channel is not None

    def welcomed(self, slots: int) -> None:
        """Tell that a gateway has welcomed a worker of so many slots; once is enough."""
        if not self._is_told:
            self._say(ready=slots)
        self._is_told = True

    def spent(self, why: str) -> None:
        """Tell that another process is to serve in place of this one."""
        self._say(spent=why)

    def failed(self, error: Exception) -> None:
        """Tell why the application does not start: it is the parent's to show it, or not."""
        self._say(failed=story(error))

    def watch(self, gone: Callable[[], object]) -> None:
        """Call `gone` when the parent has ended."""
        if self._channel is not None:
            asyncio.get_running_loop().add_reader(self._channel, _over, self._channel, gone)

    def _say(self, **what: object) -> None:
        if self._channel is not None:
            with suppress(OSError):  # it has ended: who watches it will notice
                self._channel.sendall(json.dumps(what).encode() + b"\n")


def _over(channel: socket.socket, gone: Callable[[], object]) -> None:
    asyncio.get_running_loop().remove_reader(channel)
    gone()


def entitle(name: str) -> None:
    """Call this process so: in `top` and `ps -o comm`, and in the lines of its log."""
    with suppress(OSError):  # elsewhere than on Linux
        Path("/proc/self/comm").write_text(name[-MOST_SHOWN:], encoding="ascii")
    for logger in (log, log.getChild("access")):  # a filter does not see what children log
        logger.addFilter(Named(name))


class Named(logging.Filter):
    """Begins each line with the name of the process, whatever they are formatted to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        record.msg, record.args = f"{self.name}: {record.getMessage()}", ()
        return True


def story(error: Exception) -> str:
    """Why the application does not start: the traceback of its own error, if there is one."""
    if error.__cause__:
        return "".join(traceback.format_exception(error.__cause__))
    return getattr(error, "details", "") or str(error)
