"""Keeps the signals of forked children away from the process that forked them.

asyncio hears of a signal through a descriptor that the signal's handler writes to, and a forked
child has both. So a SIGTERM for a child, as `multiprocessing.Pool` sends it, would stop the parent.
"""

import os
import signal
import threading
from collections.abc import Iterable

STOPPING = (signal.SIGTERM, signal.SIGINT)


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
