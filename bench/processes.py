"""Processes that a benchmark starts, and stops by their ids whatever happens."""

import os
import resource
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from bench.tools import find

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 5.0


class StartFailed(Exception):
    """A process did not come up; holds what it said."""


@dataclass(frozen=True)
class Part:
    """A process to start. It is ready when `url` answers 200 and its log holds `says`.

    `role` is "front" for what clients connect to before the application, or "app".
    """

    role: str
    command: list[str]
    url: str = ""
    says: str = ""


@dataclass(frozen=True)
class Process:
    """One that was started."""

    part: Part
    popen: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """What it has written so far, the last part of it."""
        return self.log.read_text(errors="replace")[-4000:]


def allow_many_files() -> None:
    """As many open files as this process and its children may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def running(parts: Sequence[Part], folder: Path) -> Iterator[list[Process]]:
    """The parts as processes, which are not yet ready; stopped on the way out, the last one first.

    Each has a session of its own, so that Ctrl-C reaches only the benchmark, which then stops them.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PRACK_")}
    with ExitStack() as stack:
        processes = []
        for number, part in enumerate(parts):
            program, *arguments = part.command
            path = folder / f"{number}.log"
            log = stack.enter_context(path.open("wb"))
            popen = subprocess.Popen(
                [str(find(program) or program), *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(_stop, popen)
            processes.append(Process(part, popen, path))
        yield processes


def _stop(popen: subprocess.Popen[bytes]) -> None:
    """Ask, then insist; the whole session, for a master that died may have left children."""
    popen.terminate()
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


def wait_until_ready(processes: Sequence[Process]) -> None:
    """Raises StartFailed."""
    deadline = monotonic() + START_SECONDS
    for process in processes:
        while not _is_ready(process):
            if process.popen.poll() is not None or monotonic() > deadline:
                raise StartFailed("\n".join(process.said().splitlines()[-5:]) or "no word why")
            sleep(0.02)


def _is_ready(process: Process) -> bool:
    part = process.part
    said = not part.says or part.says in process.log.read_text(errors="replace")
    return said and (not part.url or answers(part.url))


def answers(url: str) -> bool:
    """Whether this URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - our own loopback URL
            return True
    except OSError:
        return False
