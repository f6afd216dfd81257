"""Closed-loop load with wrk: each connection sends its next request when it has the last answer."""

import json
import subprocess
from pathlib import Path

from bench.contenders import Running
from bench.procfs import cpu_seconds, switches
from bench.samples import Record
from bench.tools import find

SCRIPT = Path(__file__).with_name("wrk.lua")
MARK = "BENCH "
SPARE_SECONDS = 30


def load(
    target: Running, connections: int, seconds: float, path: str = "", upload: int = 0
) -> Record:
    """Rate a second, p50 and p99 in ms; for one request CPU in microseconds and wake-ups; errors.

    CPU and wake-ups are those of all processes of the contender; `front_cpu` is that of its proxy
    or gateway. With `upload` each request has so many bytes.
    """
    before = cpu_seconds(target.processes), switches(target.processes)
    front = cpu_seconds(target.fronts)
    said = _wrk(target.url + path, connections, seconds, upload)
    used = cpu_seconds(target.processes) - before[0]
    front = cpu_seconds(target.fronts) - front
    woken = switches(target.processes) - before[1]
    requests = said["requests"]
    return {
        "rate": requests / said["duration_us"] * 1e6,
        "p50": said["p50_us"] / 1000,
        "p99": said["p99_us"] / 1000,
        "cpu": used / max(1, requests) * 1e6,
        "front_cpu": front / max(1, requests) * 1e6,
        "switches": woken / max(1, requests),
        "errors": said["errors"] if requests else max(1, said["errors"]),
    }


def _wrk(url: str, connections: int, seconds: float, upload: int) -> dict[str, int]:
    command = [str(find("wrk")), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    # A request that takes longer than the measurement is no error by itself.
    command += ["--timeout", f"{SPARE_SECONDS}s", f"-s{SCRIPT}", url]
    done = subprocess.run(
        [*command, "--", str(upload)] if upload else command,
        capture_output=True,
        text=True,
        timeout=seconds + 2 * SPARE_SECONDS,
    )
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            said: dict[str, int] = json.loads(line.removeprefix(MARK))
            return said
    raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()[-500:]}")
