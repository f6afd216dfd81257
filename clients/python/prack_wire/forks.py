"""Keeps forked children, their signals and their end away from the process that forked them, and
its connections away from them.

asyncio hears of a signal through a descriptor that the signal's handler writes to, and a forked
child has both. So a SIGTERM for a child, as `multiprocessing.Pool` sends it, would stop the parent.
"""

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn
from weakref import WeakSet

STOPPING = (signal.SIGTERM, signal.SIGINT)
_kept: WeakSet[socket.socket] = WeakSet()


def disown(numbers: Iterable[signal.Signals] = STOPPING) -> None:
    """From now on, a forked child starts with the default handlers of these signals.

    They are held back while the process forks: the child may get one before it has forgotten ours.
    """
    held, before = frozenset(numbers), threading.local()

    def hold() -> None:
        before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, held)

    def release() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.mask)

    def forget() -> None:
        signal.set_wakeup_fd(-1)
        for number in held:
            default = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
        release()

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=forget)


def keep(sock: socket.socket) -> socket.socket:
    """Have no forked child hold this connection, which is to end with this process."""
    _kept.add(sock)
    return sock


def _drop() -> None:
    for sock in _kept:
        number = sock.detach()  # `close` waits for a loop that reads from it
        if number >= 0:
            os.close(number)


os.register_at_fork(after_in_child=_drop)


def live(life: Callable[[], int]) -> NoReturn:
    """Be a forked child; `life` gives the exit status.

    Nothing of the parent may run in it, not even its end.
    """
    status = 1
    try:
        os.setsid()  # a Ctrl-C is for the parent, which tells us
        status = life()
    except BaseException:
        traceback.print_exc()
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
