"""Closed-loop load with wrk: each connection sends its next request when it has the last answer."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path

from bench.contenders import Running
from bench.procfs import cpu_seconds, switches
from bench.samples import Record
from bench.tools import find

SCRIPT = Path(__file__).with_name("wrk.lua")
MARK = "BENCH "
SPARE_SECONDS = 30
LONGEST_SECONDS = 600
TURN_SECONDS = 0.25


def load(
    target: Running,
    connections: int,
    seconds: float,
    path: str = "",
    upload: int = 0,
    think: float = 0,
) -> Record:
    """Rate a second, p50 and p99 in ms; for one request CPU in microseconds and wake-ups; errors.

    CPU and wake-ups are those of all processes of the contender; `front_cpu` is that of its proxy
    or gateway. With `upload` each request has so many bytes. Before each request a client thinks
    `think` ms: as long as it happens, by an exponential distribution with this mean.
    """
    before = cpu_seconds(target.processes), switches(target.processes)
    front = cpu_seconds(target.fronts)
    said = _wrk(target.url + path, connections, seconds, upload, think)
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


def turns(targets: Sequence[Running], connections: int, seconds: float) -> list[Record]:
    """Load on all of them, each `seconds` in all, in short turns: ABC ABC ABC, then CBA CBA CBA.

    So that all have the same moments of the machine, and nobody has two turns in a row more often
    than others. Rate and `front_cpu` of each, as in `load`.
    """
    loads: list[Turns] = []
    try:
        for target in targets:
            loads.append(Turns(target, connections))
            loads[-1].stop()
        there = round(seconds / TURN_SECONDS / 2)
        for order in (*repeat(loads, there), *repeat(loads[::-1], there)):
            for one in order:
                one.take()
        return [one.end() for one in loads]
    finally:
        for one in loads:
            one.kill()


class Turns:
    """Load on one of several. But for its turns all of it is stopped: what is asked, and who asks.

    So what is on its way at the end of a turn takes nothing from the next one's.
    """

    def __init__(self, target: Running, connections: int) -> None:
        self._target = target
        self._before = cpu_seconds(target.fronts)
        self._active = -time.monotonic()
        command = _command(target.url, connections, LONGEST_SECONDS)
        self._wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> None:
        """Until its turn."""
        self._wrk.send_signal(signal.SIGSTOP)
        self._signal(signal.SIGSTOP)
        self._active += time.monotonic()

    def go_on(self) -> None:
        """It has its turn."""
        self._active -= time.monotonic()
        self._signal(signal.SIGCONT)
        self._wrk.send_signal(signal.SIGCONT)

    def take(self) -> None:
        """One turn."""
        self.go_on()
        time.sleep(TURN_SECONDS)
        self.stop()

    def end(self) -> Record:
        """What came of it."""
        self.go_on()
        said = _said(self._told_to_end())
        self._active += time.monotonic()
        used = cpu_seconds(self._target.fronts) - self._before
        return {
            "rate": said["requests"] / self._active,
            "front_cpu": used / max(1, said["requests"]) * 1e6,
            "errors": said["errors"],
        }

    def _signal(self, number: signal.Signals) -> None:
        for process in self._target.processes:
            os.killpg(process.popen.pid, number)

    def _told_to_end(self) -> str:
        """Its output. The signal must reach the thread that sleeps, and may come to the other."""
        while True:
            self._wrk.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                return self._wrk.communicate(timeout=TURN_SECONDS)[0]

    def kill(self) -> None:
        """If it goes on. Who was asked goes on, or could not end."""
        self._wrk.kill()
        self._wrk.wait()
        self._signal(signal.SIGCONT)


def _wrk(url: str, connections: int, seconds: float, upload: int, think: float) -> dict[str, int]:
    command = _command(url, connections, max(1, round(seconds)))
    done = subprocess.run(
        [*command, "--", str(upload), str(think)],
        capture_output=True,
        text=True,
        timeout=seconds + 2 * SPARE_SECONDS,
    )
    return _said(done.stdout, done.stderr)


def _command(url: str, connections: int, seconds: int) -> list[str]:
    command = [str(find("wrk")), "-t1", f"-c{connections}", f"-d{seconds}s"]
    # A request that takes longer than the measurement is no error by itself.
    return [*command, "--timeout", f"{SPARE_SECONDS}s", f"-s{SCRIPT}", url]


def _said(output: str, errors: str = "") -> dict[str, int]:
    for line in output.splitlines():
        if line.startswith(MARK):
            said: dict[str, int] = json.loads(line.removeprefix(MARK))
            return said
    raise RuntimeError(f"wrk failed: {(errors or output).strip()[-500:]}")
