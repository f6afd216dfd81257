"""Processes that a benchmark starts, and stops by their ids whatever happens."""

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20.0
STOP_SECONDS = 5.0


class StartFailed(Exception):
    """A contender did not come up; holds what its processes said."""


def free_port() -> int:
    """A port on the loopback address that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def running(commands: list[list[str]], logs: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The commands as processes, stopped in reverse order on the way out.

    Each has a session of its own, so that Ctrl-C reaches only the benchmark, which then stops them.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PRACK_")}
    with ExitStack() as stack:
        processes = []
        for command in commands:
            log = stack.enter_context(logs.open("ab"))
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(_stop, process)
            processes.append(process)
        yield processes


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask, then insist; the whole session, for a master that died may have left children."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_served(url: str, processes: list[subprocess.Popen[bytes]], logs: Path) -> None:
    """Return once the URL answers 200. Raises StartFailed."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback URL
                return
        except OSError:
            sleep(0.05)
    raise StartFailed(logs.read_text(errors="replace")[-2000:] or "no answer, and no word why")


def cpu_seconds(processes: list[subprocess.Popen[bytes]]) -> float:
    """CPU time that these processes and their children have used so far."""
    total = 0.0
    for process in processes:
        parent = psutil.Process(process.pid)
        for one in (parent, *parent.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    return total
