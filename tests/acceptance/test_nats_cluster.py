"""Gateways on many machines, which are one by NATS: real gateways, workers and servers."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.processes import Gateway, Launcher, fetch
from tests.support.nats_servers import NatsServers

SECONDS = 20.0


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> NatsServers:
    """Three, with JetStream."""
    return NatsServers(launch, tmp_path, 3, "-js")


def gateway(launch: Launcher, servers: NatsServers) -> Gateway:
    """One of the cluster."""
    return launch.gateway("--nats", ",".join(servers.urls), "--cluster", "tests")


def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Look again and again."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_request_reaches_a_worker_of_another_machine(
    launch: Launcher, servers: NatsServers
) -> None:
    near, far = gateway(launch, servers), gateway(launch, servers)
    launch.worker(far)
    for number in range(20):
        reply = fetch(near.port, f"/echo?{number}", "POST", b"x" * 200_000)
        assert reply.status == 200, reply.body
