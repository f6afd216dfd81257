"""Webhooks of a cluster: they outlive any gateway, and a NATS server that comes back."""

import secrets
import time
from pathlib import Path

import pytest

from tests.acceptance.deferred import HOST, Burst, Inbox, Names, all_answered, got, killed
from tests.acceptance.processes import Launcher, fetch
from tests.support.nats_servers import NatsServers

pytestmark = pytest.mark.timeout(180)
JETSTREAM = Path("jetstream")


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> NatsServers:
    """One NATS server with JetStream."""
    return NatsServers(launch, tmp_path, 1, "-js")


def an_inbox(launch: Launcher, servers: NatsServers) -> Inbox:
    """A gateway of the cluster."""
    inbox = Inbox(launch, JETSTREAM, "--nats", ",".join(servers.urls), "--cluster", "tests")
    until_kept(inbox)
    return inbox


def until_kept(inbox: Inbox) -> str:
    """Send a webhook until it is taken; where its answer will be."""
    deadline = time.monotonic() + 30
    while True:
        accepted = fetch(inbox.gateway.port, f"/take/{secrets.token_hex(8)}", "POST", b"", HOST)
        if accepted.status == 202:
            return accepted.header("location")
        assert (accepted.status, time.monotonic() < deadline) == (503, True), accepted
        time.sleep(0.05)


def test_any_gateway_tells_what_has_become_of_it(launch: Launcher, servers: NatsServers) -> None:
    first, second = an_inbox(launch, servers), an_inbox(launch, servers)
    locations = [first.post(f"/take/{name}", bytes(100_000)) for name in range(20)]
    worker = second.worker()
    for name, location in enumerate(locations):
        assert second.over(location).body == b"took %d" % name
        assert first.over(location).body == b"took %d" % name
    attempts = got(worker)
    assert all(len(attempts[str(name)]) == 1 for name in range(20))


def test_the_living_take_over_from_the_dead(launch: Launcher, servers: NatsServers) -> None:
    first = an_inbox(launch, servers)
    worker = first.worker()
    location = first.post("/hold/held")
    worker.line("got held 1")
    second = an_inbox(launch, servers)
    other = second.worker()
    first.gateway.kill()
    other.line("got held 2")
    launch.release("held")
    assert second.over(location).body == b"took held"


def test_nats_away_is_said_and_nothing_is_lost(launch: Launcher, servers: NatsServers) -> None:
    inbox, locations = an_inbox(launch, servers), []
    for _ in range(4):  # as it goes away, it may not say what it has just written
        locations.append(inbox.post("/take/kept"))
        servers.kill(0)
        deadline = time.monotonic() + 20
        while (reply := fetch(inbox.gateway.port, "/take/x", "POST", b"", HOST)).status == 202:
            assert time.monotonic() < deadline
        assert reply.status == 503
        assert b"store_failed" in reply.body
        servers.restart(0)
        until_kept(inbox)
    inbox.worker()
    for location in locations:
        assert inbox.over(location).body == b"took kept"


def test_gateways_that_are_killed_by_turns_lose_nothing(
    launch: Launcher, servers: NatsServers
) -> None:
    inboxes = [an_inbox(launch, servers) for _ in range(2)]
    workers = [inbox.worker() for inbox in inboxes]
    numbers, accepted = Names(), dict[str, str]()
    for turn in range(4):
        inbox = inboxes[turn % 2]
        accepted |= killed(inbox, numbers, 20 + 15 * turn)
        inbox.start()
        until_kept(inbox)
    all_answered(inboxes[0], accepted, *workers)


def test_one_server_of_three_may_die(launch: Launcher, tmp_path: Path) -> None:
    servers = NatsServers(launch, tmp_path, 3, "-js")
    inbox, numbers = an_inbox(launch, servers), Names()
    worker = inbox.worker()
    burst = Burst(inbox.gateway.port, numbers)
    until_kept(inbox)
    servers.kill(0)
    until_kept(inbox)
    inbox.gateway.kill()
    accepted = burst.over()
    inbox.start()
    until_kept(inbox)
    all_answered(inbox, accepted, worker)
