"""The memory of large frames is kept from one to the next.

A frame of 256 KiB is copied a few times on its way, and then all of that is free. By default glibc
gives it back to the kernel each time, to ask for it again at the next frame: fresh pages, for up to
half of the CPU time of a large body. How much may stay follows the largest block that was mapped
and freed (mallopt(3), M_MMAP_THRESHOLD), so one such block is all it takes. Other allocators do not
mind it.
"""

BLOCK = 1024 * 1024  # bytes; up to twice as many stay


def keep() -> None:
    """Call this once, early."""
    bytes(BLOCK)
