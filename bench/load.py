"""Puts load on one URL with wrk, and reads what wrk measured."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import Running
from bench.processes import cpu_seconds
from bench.tools import find

SCRIPT = Path(__file__).with_name("report.lua")
MARK = "BENCH "
SPARE_SECONDS = 20


@dataclass(frozen=True)
class Sample:
    """One run of wrk: rates a second, times in milliseconds, CPU in microseconds a request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    errors: int


def measure(target: Running, connections: int, seconds: float) -> Sample:
    """Closed loop: each connection sends its next request when it has the answer to the last."""
    before = cpu_seconds(target.processes)
    said = _wrk(target.url, connections, seconds)
    used = cpu_seconds(target.processes) - before
    return Sample(
        rate=said["requests"] / said["duration_us"] * 1e6,
        p50=said["p50_us"] / 1000,
        p99=said["p99_us"] / 1000,
        cpu=used / max(1, said["requests"]) * 1e6,
        errors=said["errors"] if said["requests"] else max(1, said["errors"]),
    )


def _wrk(url: str, connections: int, seconds: float) -> dict[str, int]:
    command = [str(find("wrk")), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    done = subprocess.run(
        [*command, f"-s{SCRIPT}", url],
        capture_output=True,
        text=True,
        timeout=seconds + SPARE_SECONDS,
    )
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            said: dict[str, int] = json.loads(line.removeprefix(MARK))
            return said
    raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()[-500:]}")
