"""Webhooks outlive workers, deploys and the gateway: real processes that stop and are killed."""

import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.deferred import Inbox, got
from tests.acceptance.processes import PYTHON, Launcher

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def inbox(launch: Launcher, tmp_path: Path) -> Inbox:
    """A gateway that keeps webhooks."""
    return Inbox(launch, tmp_path / "store.db")


def test_an_outage_of_the_workers_costs_nothing(inbox: Inbox) -> None:
    locations = [inbox.post(f"/take/{name}", bytes(200_000)) for name in range(20)]
    worker = inbox.worker()
    for name, location in enumerate(locations):
        reply = inbox.over(location)
        assert (reply.status, reply.body) == (200, b"took %d" % name)
    assert got(worker) == {str(name): [1] for name in range(20)}
    assert all(line.endswith(" 200000") for line in worker.lines if line.startswith("got "))


def test_a_killed_gateway_loses_nothing_that_it_has_acknowledged(
    inbox: Inbox, launch: Launcher
) -> None:
    waiting = inbox.post("/take/waiting")
    inbox.gateway.kill()
    inbox.start()
    worker = inbox.worker()
    assert inbox.over(waiting).status == 200
    held = inbox.post("/hold/held")
    worker.line("got held 1")
    inbox.gateway.kill()  # while a worker has it
    inbox.start()
    worker.line("got held 2")
    launch.release("held")
    assert inbox.over(held).body == b"took held"
    inbox.gateway.kill()  # the answer is kept, too
    inbox.start()
    assert inbox.over(held).body == b"took held"
    attempts = got(worker)
    assert len(attempts["waiting"]) == 1
    assert attempts["held"] == [1, 2]


def test_a_killed_worker_is_another_attempt(inbox: Inbox, launch: Launcher) -> None:
    first = inbox.worker()
    location = inbox.post("/hold/held")
    first.line("got held 1")
    first.kill()
    second = inbox.worker()
    second.line("got held 2")
    launch.release("held")
    assert inbox.over(location).status == 200


def test_a_failure_is_tried_again_until_it_is_none(inbox: Inbox, launch: Launcher) -> None:
    worker = inbox.worker()
    location = inbox.post("/fail/mended")
    worker.line("got mended 2")
    launch.release("mended")
    assert inbox.over(location).body == b"took mended"
    assert got(worker)["mended"][:2] == [1, 2]


def test_a_gateway_that_stops_puts_back_what_no_worker_has(inbox: Inbox) -> None:
    location = inbox.post("/take/later")
    before = time.monotonic()
    assert inbox.gateway.stop() == 0
    assert time.monotonic() - before < 10  # not the grace period, which is 30 s
    inbox.start()
    worker = inbox.worker()
    assert inbox.over(location).status == 200
    assert got(worker) == {"later": [1]}


def test_a_gateway_that_stops_waits_for_what_a_worker_has(inbox: Inbox, launch: Launcher) -> None:
    worker = inbox.worker()
    location = inbox.post("/hold/held")
    worker.line("got held 1")
    inbox.gateway.send(signal.SIGTERM)
    inbox.gateway.line("stopping after the requests in progress")
    launch.release("held")
    assert inbox.gateway.wait() == 0
    inbox.start()
    assert inbox.over(location).body == b"took held"
    assert got(worker) == {"held": [1]}


def test_an_upgrade_of_the_gateway_costs_nothing(inbox: Inbox, launch: Launcher) -> None:
    worker, old = inbox.worker(), inbox.gateway
    held = inbox.post("/hold/held")
    locations: list[str] = []
    worker.line("got held 1")
    upgrading = launch.process(
        PYTHON, "-m", "prack_grpc", "upgrade", "--api-port", str(old.api_port)
    )
    while upgrading.popen.poll() is None:
        locations.append(inbox.post(f"/take/{len(locations)}"))
    assert upgrading.wait() == 0, upgrading
    new = int(old.line(r'"action": "upgraded", "pid": (\d+)')[1])
    launch.adopt(new)
    locations.append(inbox.post("/take/last"))
    launch.release("held")
    for location in (held, *locations):
        assert inbox.over(location).status == 200
    assert set(map(tuple, got(worker).values())) == {(1,)}


def test_a_store_that_cannot_be_used_stops_the_start(launch: Launcher, tmp_path: Path) -> None:
    status, log = launch.failing("--async-store", str(tmp_path / "none" / "store.db"))
    assert status == 2
    assert "--async-store: " in log
    status, log = launch.failing("--async-route", "/x")
    assert (status, "--async-route: needs --async-store" in log) == (2, True)
