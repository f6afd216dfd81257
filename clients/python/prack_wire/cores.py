"""How many cores there are for this process."""

import os
import sys
from pathlib import Path

# Of the control group that a container sees as its own (version 2).
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """How many cores this process may use at a time, by its mask and its control group."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    known = len(os.sched_getaffinity(0))
    try:
        quota, period = map(int, CPU_QUOTA.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # there is none, or it is `max`
        return known
    return min(known, quota // period)
