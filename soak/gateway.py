"""The gateway of a soak, and those that take its place."""

import os
import re
import select
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from tests.acceptance.processes import PYTHON, ROOT, Gateway, environment

SECONDS = 120.0
TAKEN_OVER = re.compile(r"process (\d+) has taken over")


class UpgradeRefused(Exception):
    """`prack upgrade` did not succeed; holds what it said."""


class Succession(Gateway):
    """`prack serve` with its private ports on `host`. `pid` is the process that serves now.

    All of them write to the same output, so the lines are those of all.
    """

    def __init__(self, host: str, *flags: str, ports: Sequence[int] = (0, 0, 0)) -> None:
        self._host = host
        self._flags = flags
        self._file = -1
        hosts = ("--api-host", host, "--grpc-host", host, "--insecure-worker-api")
        super().__init__(*hosts, *flags, ports=ports)
        self._serves(self.popen.pid)

    def upgrade(self) -> None:
        """Have it replaced, and wait until the old process has ended. Raises UpgradeRefused."""
        where = ("--api-host", self._host, "--api-port", str(self.api_port))
        done = subprocess.run(
            (PYTHON, "-m", "prack_grpc", "upgrade", *where),
            cwd=ROOT,
            env=environment(None),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        successor = TAKEN_OVER.search(done.stdout)
        if done.returncode or not successor:
            raise UpgradeRefused(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        old = self._file
        self._serves(int(successor[1]))
        _wait(old)
        os.close(old)

    def finish(self) -> None:
        """SIGTERM, and wait. Raises TimeoutError."""
        self.signal(signal.SIGTERM)
        _wait(self._file)

    def again(self) -> "Succession":
        """Another one, with the flags and ports of this one, which has ended."""
        return Succession(self._host, *self._flags, ports=self.ports)

    def signal(self, number: signal.Signals) -> None:
        """Send the process that serves now a signal."""
        signal.pidfd_send_signal(self._file, number)

    def kill(self) -> None:
        """See Process; a successor that has just begun is of the same group as all before it."""
        with suppress(OSError):  # it may have ended, or never begun
            signal.pidfd_send_signal(self._file, 0)
            os.killpg(self.popen.pid, signal.SIGKILL)
        super().kill()

    def _serves(self, pid: int) -> None:
        """The file stands for this process and no other; its number may be used again."""
        self.pid, self._file = pid, os.pidfd_open(pid)


def _wait(file: int) -> None:
    """Until this process has ended, whoever's child it is. Raises TimeoutError."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    if not poll.poll(SECONDS * 1000):
        raise TimeoutError(f"a gateway has not ended in {SECONDS:.0f} s")
