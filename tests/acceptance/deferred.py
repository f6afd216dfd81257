"""Webhooks and what becomes of them, for tests with real processes."""

import re
import time
from pathlib import Path

from tests.acceptance.processes import SECONDS, Gateway, Launcher, Process, Reply, fetch, free_ports

HOST = {"host": "hooks.test"}
APP = "tests.acceptance.inbox:app"
GOT = re.compile(r"got (\S+) (\d+) (\d+)")


class Inbox:
    """A gateway with a store that may be killed and started again, at the same ports."""

    def __init__(self, launch: Launcher, folder: Path, *flags: str) -> None:
        self._launch = launch
        self._flags = "--async-store", str(folder / "store.db"), "--async-route", "POST /", *flags
        self._ports = free_ports(3)
        self.gateway = self.start()

    def start(self) -> Gateway:
        """The gateway again, or for the first time."""
        public, api, grpc = self._ports
        self.gateway = self._launch.gateway(*self._flags, ports=(public, api, grpc))
        return self.gateway

    def worker(self) -> Process:
        """A worker that says what it gets."""
        return self._launch.worker(self.gateway, app=APP)

    def post(self, target: str, body: bytes = b"") -> str:
        """A webhook; where its answer will be."""
        accepted = fetch(self._ports[0], target, "POST", body, HOST)
        assert accepted.status == 202, accepted
        return accepted.header("location")

    def over(self, location: str, seconds: float = SECONDS) -> Reply:
        """Wait until it is over."""
        deadline = time.monotonic() + seconds
        while (reply := self._state(location)).header("prack-deferred") == "waiting":
            assert time.monotonic() < deadline, reply
            time.sleep(0.02)
        return reply

    def _state(self, location: str) -> Reply:
        return fetch(self._ports[0], location, headers=HOST)


def got(*workers: Process) -> dict[str, list[int]]:
    """The numbers of the attempts that these workers have got, by name."""
    found: dict[str, list[int]] = {}
    for worker in workers:
        for line in list(worker.lines):
            if match := GOT.search(line):
                found.setdefault(match[1], []).append(int(match[2]))
    return found
