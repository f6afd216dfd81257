"""The PROXY protocol as others speak it: HAProxy in both versions, and curl."""

import json
import subprocess
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.acceptance.processes import PYTHON, SECONDS, Gateway, Launcher, free_ports, launching
from tests.acceptance.proxies import haproxy
from tests.support.certificates import Authority
from tests.support.tools import needed

CORNERS = "tests.differential.corners:app"
# The proxies see this client; they themselves come from 127.0.0.1.
CLIENT = "127.0.0.2"


@pytest.fixture(scope="module")
def gateway(shared: Launcher) -> Gateway:
    """A gateway behind proxies, with a worker."""
    gateway = shared.gateway("--proxy-protocol", "--trusted-proxies", "127.0.0.1/32")
    shared.worker(gateway, app=CORNERS)
    return gateway


def curl(*options: str) -> bytes:
    """What it prints."""
    command = (needed("curl", "curl"), "-sS", "--max-time", str(SECONDS), *options)
    return subprocess.run(command, check=True, capture_output=True).stdout


OPTIONS = ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id")


@pytest.mark.parametrize("option", OPTIONS)
async def test_haproxy_names_the_client(gateway: Gateway, tmp_path: Path, option: str) -> None:
    name = OPTIONS.index(option)
    with launching(tmp_path) as launch:
        port = haproxy(launch, tmp_path, gateway, option)
        seen = json.loads(curl("--interface", CLIENT, f"http://127.0.0.1:{port}/echo"))
        assert seen["client"][0] == CLIENT
        assert dict(seen["headers"])["x-forwarded-for"] == CLIENT
        url = f"ws://127.0.0.1:{port}/echo/{name}"
        async with connect(url, local_addr=(CLIENT, 0), proxy=None) as client:
            for message in ("hello", b"a" * 200_000):
                await client.send(message)
                assert await client.recv() == message
        left = json.loads(curl(f"http://127.0.0.1:{port}/left/{name}"))
        assert left["client"][0] == CLIENT


@pytest.mark.parametrize("option", OPTIONS[:2])
def test_haproxy_names_the_client_of_a_port_with_tls(
    launch: Launcher, tmp_path: Path, option: str
) -> None:
    authority = Authority(tmp_path)
    shown = authority.issue("IP:127.0.0.1")
    behind = ("--proxy-protocol", "--trusted-proxies", "127.0.0.1/32")
    gateway = launch.gateway(*behind, *shown.flags())
    launch.worker(gateway, app=CORNERS)
    url = f"https://127.0.0.1:{haproxy(launch, tmp_path, gateway, option)}/echo"
    seen = json.loads(curl("--interface", CLIENT, "--cacert", str(authority.file), url))
    assert seen["client"][0] == CLIENT
    assert dict(seen["headers"])["x-forwarded-proto"] == "https"


def test_curl_names_itself(gateway: Gateway) -> None:
    seen = json.loads(curl("--haproxy-protocol", f"http://127.0.0.1:{gateway.port}/echo"))
    assert seen["client"][0] == "127.0.0.1"
    assert subprocess.run(
        (needed("curl", "curl"), "-sS", f"http://127.0.0.1:{gateway.port}/echo"),
        capture_output=True,
        timeout=SECONDS,
    ).returncode
    gateway.line('"proxy_protocol_refused"')


def test_uvicorn_does_not_speak_it(launch: Launcher) -> None:
    (public,) = free_ports(1)
    server = launch.process(
        *(PYTHON, "-m", "uvicorn", "prack_grpc.app:app", "--http=prack_grpc.app:http"),
        f"--port={public}",
        env={"PRACK_PROXY_PROTOCOL": "1", "PRACK_TRUSTED_PROXIES": "127.0.0.1/32"},
    )
    server.line("PRACK_PROXY_PROTOCOL: uvicorn does not speak it; use `prack serve`")
    assert server.wait() == 1
