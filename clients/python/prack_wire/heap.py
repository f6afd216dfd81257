"""The memory of large frames is kept from one to the next, and given back in the end.

A frame of 256 KiB is copied a few times on its way, and then all of that is free. By default glibc
gives it back to the kernel each time, to ask for it again at the next frame: fresh pages, for up to
half of the CPU time of a large body. How much may stay follows the largest block that was mapped
and freed (mallopt(3), M_MMAP_THRESHOLD), so one such block is all it takes.

But what is free below a block that is not stays as well, however much: so now and then it is looked
for (malloc_trim(3), some 0.2 ms a MiB). Other allocators do not mind either.
"""

import ctypes
import mmap
from contextlib import suppress

BLOCK = 1024 * 1024  # bytes; up to twice as many stay
MUCH = 4 * BLOCK  # what may be free besides
LOOK_SECONDS = 10.0


def keep() -> None:
    """Call this once, early."""
    bytes(BLOCK)


class Spare:
    """What this process has freed, but not given back. For Linux with glibc; elsewhere it is 0."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._known = hasattr(self._libc, "mallinfo2")
        if self._known:
            self._libc.mallinfo2.restype = _Info
            self._least = self._unused()  # there is always some, and more than what is spare

    def give_back(self) -> None:
        """Call this every LOOK_SECONDS."""
        if self._known:
            with suppress(OSError):  # no descriptor is left to look with: at the next look, then
                self._look()

    def _look(self) -> None:
        unused = self._unused()
        if unused > self._least + MUCH:
            self._libc.malloc_trim(0)
            self._least = self._unused()
        else:
            self._least = min(self._least, unused)

    def _unused(self) -> int:
        """Bytes in memory that nobody has asked malloc(3) for."""
        info = self._libc.mallinfo2()
        return _resident() - int(info.uordblks) - int(info.hblkhd)


class _Info(ctypes.Structure):
    """See mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE
