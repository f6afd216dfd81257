"""What is free stays: counted in pages that the kernel had to give anew."""

import os
import platform
import subprocess
import sys

import pytest

ROUNDS = 200
GLIBC = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="it is glibc that gives memory back"
)
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


# What is left between freed blocks, and behind them, keeps the heap as large as it was.
GIVE_BACK = """
import psutil
from prack_wire import heap
def resident():
    return psutil.Process().memory_info().rss
def given():
    kept = resident()
    spare.give_back()
    return (kept - resident()) // heap.BLOCK
heap.keep()
spare = heap.Spare()
for round in range(2):
    blocks = [b"a" * 64 * 1024 for _ in range(1000)]
    behind = bytes(5000)
    in_use = given()
    del blocks[::2]
    half = given()
    del blocks
    print(in_use, half, given())
"""


SHORT = """
import resource
from prack_wire import heap
spare = heap.Spare()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
spare.give_back()
"""


def faults(mode: str) -> int:
    """Of a process of its own, which frees what it takes, round by round."""
    command = [sys.executable, "-c", COUNT, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@GLIBC
def test_large_frames_take_the_same_memory_again() -> None:
    # How much allocators give back on their own differs; with the block it is always far less.
    assert 2 * faults("keep") < faults("leave")


@GLIBC
def test_what_is_free_in_the_end_is_given_back_each_time() -> None:
    command = [sys.executable, "-c", GIVE_BACK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for in_use, half, rest in (map(int, line.split()) for line in done.stdout.splitlines()):
        assert in_use < 5
        assert half > 25
        assert rest > 25


@GLIBC
def test_without_a_descriptor_nothing_is_given_back_and_nothing_breaks() -> None:
    command = [sys.executable, "-c", SHORT]
    # Where coverage is measured, it has no descriptor for its file either, and says so.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    assert not subprocess.run(command, capture_output=True, check=True, env=env).stderr
