"""Webhooks and what becomes of them, for tests with real processes."""

import http.client
import re
import threading
import time
from pathlib import Path

from tests.acceptance.processes import SECONDS, Gateway, Launcher, Process, Reply, fetch, free_ports

HOST = {"host": "hooks.test"}
APP = "tests.acceptance.inbox:app"
SENDERS = 8
GOT = re.compile(r"got (\S+) (\d+) (\d+)")


class Inbox:
    """A gateway with a store that may be killed and started again, at the same ports."""

    def __init__(self, launch: Launcher, store: Path, *flags: str) -> None:
        self._launch = launch
        self._flags = "--async-store", str(store), "--async-route", "POST /", *flags
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


class Names:
    """Numbers for several threads."""

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def next(self) -> str:
        """One that nobody had."""
        with self._lock:
            self._last += 1
            return str(self._last)


class Burst:
    """Webhooks from several clients, until the gateway is there no more."""

    def __init__(self, port: int, names: Names) -> None:
        self._port = port
        self._names = names
        self.accepted: dict[str, str] = {}  # where the answer will be, by name
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        try:
            while True:
                name = self._names.next()
                # Every kind: small ones share a page of the store, large ones do not.
                body = bytes(100 if int(name) % 3 else 50_000)
                accepted = fetch(self._port, f"/take/{name}", "POST", body, HOST)
                if accepted.status == 202:
                    self.accepted[name] = accepted.header("location")
        except (OSError, http.client.HTTPException):
            return  # it was killed

    def over(self) -> dict[str, str]:
        """What was acknowledged, once the gateway is gone."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        return self.accepted


def killed(inbox: Inbox, numbers: Names, count: int) -> dict[str, str]:
    """A burst that ends with kill -9, once so many are acknowledged; those that were."""
    burst = Burst(inbox.gateway.port, numbers)
    deadline = time.monotonic() + 60
    while len(burst.accepted) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    inbox.gateway.kill()
    return burst.over()


def all_answered(inbox: Inbox, accepted: dict[str, str], *workers: Process) -> None:
    """Each was answered, and a worker that got one again was told so."""
    for name, location in accepted.items():
        reply = inbox.over(location, 60)
        assert (reply.status, reply.body) == (200, f"took {name}".encode())
    attempts = got(*workers)
    assert set(accepted) <= set(attempts)
    for name, numbers in attempts.items():
        assert len(set(numbers)) == len(numbers), f"{name}: {numbers}"
