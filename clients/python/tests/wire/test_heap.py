"""What is free stays: counted in pages that the kernel had to give anew."""

import platform
import subprocess
import sys

import pytest

ROUNDS = 200
COUNT = f"""
import resource, sys
if sys.argv[1] == "keep":
    from prack_wire import heap
    heap.keep()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range({ROUNDS}):
    frame = bytes(400 * 1024)
    copy = frame + b"x"
    del frame, copy
print(faults() - before)
"""


def faults(mode: str) -> int:
    """Of a process of its own, which frees what it takes, round by round."""
    command = [sys.executable, "-c", COUNT, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that gives memory back")
def test_large_frames_take_the_same_memory_again() -> None:
    # How much allocators give back on their own differs; with the block it is always far less.
    assert 2 * faults("keep") < faults("leave")
