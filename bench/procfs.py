"""What processes use, as Linux tells it. Children count: proxies and servers have masters."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import clock_gettime

import psutil

from bench.processes import Process

KIB = 1024
CPU_CLOCK = 2  # CPUCLOCK_SCHED of all threads, also of those that have ended


def _all(processes: Sequence[Process]) -> Iterator[psutil.Process]:
    for process in processes:
        parent = psutil.Process(process.popen.pid)
        yield from (parent, *parent.children(recursive=True))


def _number(id_: int, file: str, field: str) -> int:
    lines = Path(f"/proc/{id_}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def cpu_seconds(processes: Sequence[Process]) -> float:
    """CPU time, user and system, used so far."""
    # The clock of another process: Linux counts in nanoseconds, /proc/PID/stat in hundredths.
    return sum(clock_gettime(~one.pid << 3 | CPU_CLOCK) for one in _all(processes))


def memory(processes: Sequence[Process]) -> int:
    """Bytes in memory; of what is shared with other processes only a part (PSS)."""
    return sum(_number(one.pid, "smaps_rollup", "Pss:") for one in _all(processes)) * KIB


def resident(processes: Sequence[Process]) -> int:
    """Bytes in memory, as `ps` shows them: what is shared counts for each process (RSS)."""
    return sum(one.memory_info().rss for one in _all(processes))


def forget_peak(processes: Sequence[Process]) -> None:
    """Let `peak` begin again."""
    for one in _all(processes):
        Path(f"/proc/{one.pid}/clear_refs").write_text("5")


def peak(processes: Sequence[Process]) -> int:
    """The most bytes that were in memory, of each process at its own moment."""
    return sum(_number(one.pid, "status", "VmHWM:") for one in _all(processes)) * KIB


def switches(processes: Sequence[Process]) -> int:
    """How often any thread has gone to sleep of its own accord."""
    found = 0
    for one in _all(processes):
        for thread in one.threads():
            with suppress(OSError):  # it has ended meanwhile
                found += _number(thread.id, "status", "voluntary_ctxt_switches:")
    return found
