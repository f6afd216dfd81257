"""What is read of other processes."""

import sys
from pathlib import Path

from bench.processes import Part, running, wait_until_ready
from bench.procfs import cpu_seconds

BURN = """
import threading, time
def burn():
    while time.thread_time() < 0.1: pass
thread = threading.Thread(target=burn)
thread.start(), thread.join()
print(f"used {time.process_time()}", flush=True)
threading.Event().wait()
"""


def test_cpu_time_is_that_of_all_threads_also_of_those_that_have_ended(tmp_path: Path) -> None:
    with running([Part("app", [sys.executable, "-c", BURN], says="used ")], tmp_path) as processes:
        wait_until_ready(processes)
        used = float(processes[0].said().split()[1])
        assert used <= cpu_seconds(processes) < used + 0.1
