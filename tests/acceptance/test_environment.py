"""Proxies and certificates of the environment do not steer the way to the gateway."""

import socket

import pytest

from tests.acceptance.processes import OVER, PYTHON, Launcher, fetch

COMMANDS = ("healthcheck", "workers", "versions")


def hostile(proxy: str) -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")
    return dict.fromkeys(names, proxy) | {"SSL_CERT_FILE": "/nowhere", "no_proxy": ""}


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_gateways_are_dialled_directly(launch: Launcher, scheme: str) -> None:
    gateway = launch.gateway()
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        env = hostile(f"{scheme}://127.0.0.1:{proxy.getsockname()[1]}")
        for over in OVER:
            command = (PYTHON, "-m", "prack_worker", "tests.acceptance.probe:app")
            worker = launch.process(*command, "--gateway", gateway.url(over), env=env)
            worker.line("Connected to")
            assert fetch(gateway.port, "/run/x").body == b"x 1"
            assert worker.stop() == 0
        for name in COMMANDS:
            api = ("--api-port", str(gateway.api_port))
            asked = launch.process(PYTHON, "-m", "prack_grpc", name, *api, env=env)
            assert asked.wait() == 0, asked.lines
        with pytest.raises(BlockingIOError):
            proxy.accept()
