"""kill -9 of a gateway at many points of the life of webhooks: none that was acknowledged is lost.

Each point is a time after the first webhook of a burst that has its own seed, so that a failure
can be looked at again.
"""

import http.client
import random
import threading
import time
from pathlib import Path

import pytest

from tests.acceptance.deferred import HOST, Inbox, got
from tests.acceptance.processes import Launcher, Process, fetch

pytestmark = pytest.mark.timeout(300)

KILLS = 12
SENDERS = 8


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


def killed(inbox: Inbox, numbers: Names, seconds: float) -> dict[str, str]:
    """A burst that ends with kill -9; what was acknowledged."""
    burst = Burst(inbox.gateway.port, numbers)
    time.sleep(seconds)
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


def test_a_gateway_that_is_killed_at_any_time_loses_nothing(
    launch: Launcher, tmp_path: Path
) -> None:
    inbox, numbers, chance = Inbox(launch, tmp_path), Names(), random.Random(16)
    worker, accepted = inbox.worker(), dict[str, str]()
    for _ in range(KILLS):
        accepted |= killed(inbox, numbers, chance.uniform(0.01, 0.6))
        inbox.start()
    assert len(accepted) > 10 * KILLS
    all_answered(inbox, accepted, worker)


def test_workers_and_gateway_are_killed_by_turns(launch: Launcher, tmp_path: Path) -> None:
    inbox, numbers, chance = Inbox(launch, tmp_path), Names(), random.Random(17)
    workers, accepted = [inbox.worker()], dict[str, str]()
    for _ in range(3):
        burst = Burst(inbox.gateway.port, numbers)
        time.sleep(chance.uniform(0.05, 0.3))
        workers[-1].kill()
        workers.append(inbox.worker())
        time.sleep(chance.uniform(0.05, 0.3))
        inbox.gateway.kill()
        accepted |= burst.over()
        inbox.start()
    all_answered(inbox, accepted, *workers)


def test_two_gateways_share_a_store_and_the_living_takes_over(
    launch: Launcher, tmp_path: Path
) -> None:
    first, second, numbers = Inbox(launch, tmp_path), Inbox(launch, tmp_path), Names()
    workers = [first.worker(), second.worker()]
    accepted = killed(first, numbers, 0.5)
    all_answered(second, accepted, *workers)
