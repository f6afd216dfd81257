"""What all libraries have in common, each with an application of its language."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.load import Load
from tests.acceptance.processes import STREAMS, Gateway, Launcher, Process, fetch
from tests.acceptance.test_go import BUILD_SECONDS, go
from tests.acceptance.test_java import servlet
from tests.acceptance.test_node import node
from tests.acceptance.test_php import psr15
from tests.acceptance.test_ruby import rackup
from tests.acceptance.test_upgrade import UPGRADE_SECONDS, Upgrade, until_in_flight
from tests.acceptance.test_upgrade import upgrade as upgrade
from tests.support.certificates import Authority

SLOTS = 2
# More than the gateway waits for before it hands a request out.
HALF = b"PUT /files HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n" + bytes(100_000)
POLLS = ("rest",)
# What starts a worker that is connected, and how it may dial in.
WORKERS: dict[str, tuple[Callable[..., Process], tuple[str, ...]]] = {
    "go": (go, STREAMS),
    "node": (node, STREAMS),
    "ruby": (rackup, POLLS),
    "php": (psr15, POLLS),
    "java": (servlet, POLLS),
}
WAYS = [(language, over) for language, (_, ways) in WORKERS.items() for over in ways]
EACH = pytest.mark.parametrize(("language", "over"), WAYS)
EACH_THAT_POLLS = pytest.mark.parametrize(
    ("language", "over"), [way for way in WAYS if way[1] == "rest"]
)

pytestmark = pytest.mark.timeout(BUILD_SECONDS + UPGRADE_SECONDS)
Start = Callable[..., Process]


@pytest.fixture
def start(launch: Launcher, language: str, over: str) -> Start:
    """Starts a worker of the language, which is connected."""

    def begin(gateway: Gateway, **variables: str) -> Process:
        variables |= {"PRACK_GATEWAY": gateway.url(over), "PRACK_SLOTS": str(SLOTS)}
        return WORKERS[language][0](launch, gateway, **variables)

    return begin


@EACH
def test_a_deploy_over_a_python_worker_and_back(
    launch: Launcher, start: Start, language: str, over: str
) -> None:
    gateway = launch.gateway()
    python = launch.worker(gateway, over, "--service", "web", "--app-version", "python")
    with Load(gateway.port, fresh=2) as load:
        load.more(50)
        new = start(gateway, PRACK_SERVICE="web", PRACK_APP_VERSION=language)
        assert python.stop() == 0
        load.more(50)
        assert fetch(gateway.port, "/run/who").body.endswith(f" {language}\n".encode())
        launch.worker(gateway, over, "--service", "web", "--app-version", "python2")
        assert new.stop() == 0
        load.more(50)
    assert not load.failures


@EACH
def test_an_upgrade_of_the_gateway(
    launch: Launcher, start: Start, upgrade: Upgrade, over: str
) -> None:
    gateway = launch.gateway()
    worker = start(gateway)
    with Load(gateway.port, fresh=2) as load:
        load.more(50)
        upgrade(gateway)
        if over in STREAMS:
            worker.line("Connected to", number=2)
        load.more(50)
    assert not load.failures


@EACH
def test_a_gateway_that_is_lost_is_found_again(launch: Launcher, start: Start) -> None:
    gateway = launch.gateway()
    worker = start(gateway)
    gateway.kill()
    worker.line("WARNING Lost the gateway: .*; reconnecting")
    again = launch.gateway(ports=gateway.ports)
    worker.line("Connected to", number=2)
    assert fetch(again.port, "/run/x").status == 200


@EACH_THAT_POLLS
def test_clients_that_leave_cost_no_slot(launch: Launcher, start: Start) -> None:
    gateway = launch.gateway()
    start(gateway)
    for _ in range(SLOTS + 1):
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(HALF)
            until_in_flight(gateway, 1)
        until_in_flight(gateway, 0)
    assert fetch(gateway.port, "/run/x").status == 200


@EACH
def test_a_certificate_and_a_token(launch: Launcher, start: Start, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown, own = authority.issue("IP:127.0.0.1"), authority.issue("DNS:worker.example")
    (tmp_path / "token").write_text("a-token-of-some-length\n")
    gateway = launch.gateway(
        *shown.flags("api-tls"),
        *("--client-ca", str(authority.file), "--token-file", str(tmp_path / "token")),
    )
    start(
        gateway,
        PRACK_TLS_CA=str(authority.file),
        PRACK_CLIENT_CERT=str(own.cert),
        PRACK_CLIENT_KEY=str(own.key),
        PRACK_TOKEN_FILE=str(tmp_path / "token"),
    )
    assert fetch(gateway.port, "/run/x").body.startswith(b"x ")
