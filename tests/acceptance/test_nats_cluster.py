"""Gateways on many machines are one by NATS: real gateways, workers and servers."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.load import Load
from tests.acceptance.probe import part
from tests.acceptance.processes import (
    PYTHON,
    ROOT,
    SECONDS,
    Gateway,
    Launcher,
    environment,
    fetch,
    free_ports,
)
from tests.acceptance.test_upgrade import prack_upgrade
from tests.support.nats_servers import NatsServers

MIB = 1024 * 1024
AWAY_SECONDS = 10.0
Cluster = Callable[..., Gateway]

pytestmark = pytest.mark.timeout(4 * SECONDS)


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> NatsServers:
    """Three, with JetStream."""
    return NatsServers(launch, tmp_path, 3, "-js")


@pytest.fixture
def gateway(launch: Launcher, servers: NatsServers) -> Cluster:
    """Starts gateways of one cluster."""

    def start(*flags: str, ports: tuple[int, int, int] = (0, 0, 0)) -> Gateway:
        nats = ("--nats", ",".join(servers.urls), "--cluster", "tests")
        return launch.gateway(*nats, *flags, ports=ports)

    return start


def until(true: Callable[[], bool]) -> None:
    """Look again and again."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(gateway: Gateway, path: str) -> Any:
    """What its admin port says."""
    return json.loads(fetch(gateway.admin_port, path).body)


def prack(gateway: Gateway, *words: str) -> str:
    """What a command of an operator says."""
    command = [PYTHON, "-m", "prack_grpc", *words, "--api-port", str(gateway.api_port)]
    port = {"PRACK_ADMIN_PORT": str(gateway.admin_port)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment(port), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_request_goes_to_the_worker_of_another_machine(
    launch: Launcher, gateway: Cluster
) -> None:
    near, far = gateway(), gateway()
    launch.worker(far)
    with Load(near.port) as load:
        load.more(400)
    size = 8 * MIB
    body = b"".join(part(at, MIB // 8) for at in range(0, size, MIB // 8))
    assert fetch(near.port, "/sink/x", "POST", body).body == b"%d bytes, 0 wrong" % size
    assert fetch(near.port, f"/blob/{size}").body == body


def test_what_an_operator_says_counts_at_all_gateways(launch: Launcher, gateway: Cluster) -> None:
    near, far = gateway(), gateway()
    launch.worker(far, "prack", "--service", "web", "--app-version", "v1")
    until(lambda: "v1" in prack(near, "versions"))
    # Three servers that have just started have nowhere to keep a word yet, and it says so.
    until(lambda: "notes" not in asked(near, "/readyz"))
    prack(near, "traffic", "web", "v1=90", "v2=10")
    late = gateway()
    until(lambda: all("v2" in prack(one, "traffic") for one in (near, far, late)))


def test_nats_may_be_away_for_ten_seconds(
    launch: Launcher, servers: NatsServers, gateway: Cluster
) -> None:
    near, far = gateway(), gateway()
    launch.worker(far)
    with Load(near.port) as relayed, Load(far.port) as local:
        relayed.more(100)
        local.more(100)
        began = time.monotonic()
        servers.kill(0, 1, 2)
        until(lambda: "notes" in asked(near, "/readyz"))
        assert asked(near, "/readyz")["status"] == "ready"
        while time.monotonic() < began + AWAY_SECONDS:
            local.more(10)
        servers.restart(0, 1, 2)
        relayed.more(100)
        local.more(100)
        until(lambda: "notes" not in asked(near, "/readyz"))


def test_a_nats_server_may_die(launch: Launcher, servers: NatsServers, gateway: Cluster) -> None:
    near, far = gateway(), gateway()
    launch.worker(far)
    with Load(near.port) as load:
        load.more(100)
        for number in range(3):
            servers.kill(number)
            load.more(200)
            servers.restart(number)
            load.more(200)


def test_a_gateway_that_dies_takes_only_its_own_with_it(launch: Launcher, gateway: Cluster) -> None:
    near, far = gateway(), gateway()
    launch.worker(near)
    with Load(near.port) as load:
        lost = Load(far.port)
        with lost:
            load.more(200)
            lost.more(200)
            far.kill()
        assert lost.failures
        load.more(400)
    until(lambda: asked(near, "/api/v1/gateways")["gateways"][1:] == [])


def test_all_gateways_are_replaced_one_after_the_other(launch: Launcher, gateway: Cluster) -> None:
    ports = [tuple(free_ports(3)) for _ in range(3)]
    gateways = [gateway("--grace", "10", ports=one) for one in ports]
    urls = ",".join(one.url("prack") for one in gateways)
    for _ in range(3):
        worker = launch.process(
            *(PYTHON, "-m", "prack_worker", "tests.acceptance.probe:app", "--gateway", urls)
        )
        worker.line("Connected to")
    for number, old in enumerate(gateways):
        others = [one for one in gateways if one is not old]
        with Load(others[0].port) as one, Load(others[1].port) as other:
            one.more(100)
            other.more(100)
            assert old.stop() == 0
            one.more(100)
            gateways[number] = gateway("--grace", "10", ports=ports[number])
            one.more(100)
            other.more(100)


def test_an_upgrade_costs_the_others_nothing(launch: Launcher, gateway: Cluster) -> None:
    near, far = gateway(), gateway()
    launch.worker(near)
    launch.worker(far)
    with Load(near.port) as own, Load(far.port) as other:
        for one in (near, far):
            own.more(100)
            other.more(100)
            said = prack_upgrade(one.api_port)
            assert said.returncode == 0, said.stderr
            launch.adopt(int(re.findall(r"process (\d+) has taken over", said.stdout)[0]))
        own.more(100)
        other.more(100)
