"""The proxies of deploy/ in front of a real gateway: HTTP/2 and TLS outside, nothing lost inside.

Their files are used as they are, but for ports, names and certificates.
"""

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.acceptance.processes import (
    SECONDS,
    Gateway,
    Launcher,
    Reply,
    fetch,
    launching,
)
from tests.acceptance.proxies import caddy, nginx, self_signed
from tests.differential.corners import PACED
from tests.support.tools import needed

CORNERS = "tests.differential.corners:app"
# The proxies see this client; they themselves come from 127.0.0.1.
CLIENT = "127.0.0.2"


@dataclass(frozen=True)
class Proxy:
    """Where a proxy listens, and the certificate that it shows."""

    name: str
    port: int
    certificate: Path

    def curl(self, target: str, *options: str) -> list[str]:
        """The command that asks for this over HTTP/2."""
        place = f"localhost:{self.port}"
        ways = ("--http2", "--interface", CLIENT, "--resolve", f"{place}:127.0.0.1")
        quiet = ("-sS", "--no-buffer", "--cacert", str(self.certificate))
        return [needed("curl", "curl"), *quiet, *ways, *options, f"https://{place}{target}"]

    def run(self, target: str, *options: str) -> bytes:
        """What it prints."""
        command = self.curl(target, *options)
        return subprocess.run(command, capture_output=True, check=True, timeout=SECONDS).stdout

    def ask(self, target: str, *options: str) -> Reply:
        """One request over HTTP/2."""
        head, _, body = self.run(target, "--include", *options).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        status = re.fullmatch(r"HTTP/2 (\d+) ", first)
        assert status, first
        fields = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
        return Reply(int(status[1]), fields, body)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For localhost."""
    return self_signed(tmp_path_factory.mktemp("certificate"))


Start = Callable[[Gateway], Proxy]


@pytest.fixture(scope="module", params=[nginx, caddy])
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Start]:
    """Puts a proxy in front of a gateway."""
    folder = tmp_path_factory.mktemp("proxies")
    with launching(folder) as launch:

        def start(gateway: Gateway) -> Proxy:
            place = folder / str(gateway.port)
            place.mkdir()
            proxy = request.param
            port = proxy(launch, place, gateway.port, certificate)
            return Proxy(proxy.__name__, port, certificate)

        yield start


@pytest.fixture(scope="module")
def gateway(shared: Launcher) -> Gateway:
    """A gateway that believes the proxies, with a worker."""
    gateway = shared.gateway("--trusted-proxies", "127.0.0.1/32")
    shared.worker(gateway, app=CORNERS)
    return gateway


@pytest.fixture(scope="module")
def proxy(start: Start, gateway: Gateway) -> Proxy:
    """In front of it."""
    return start(gateway)


FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6",
}


def test_the_application_learns_who_asked_and_how(proxy: Proxy) -> None:
    fields = [part for name, value in FORGED.items() for part in ("-H", f"{name}: {value}")]
    reply = proxy.ask("/echo/a%2Fb//c?d=%20e", "-X", "PUT", "-d", "body", *fields)
    seen = json.loads(reply.body)
    assert (reply.status, seen["method"], seen["body_bytes"]) == (200, "PUT", 4)
    assert (seen["raw_path"], seen["query_string"]) == ("/echo/a%2Fb//c", "d=%20e")
    assert (seen["client"][0], seen["scheme"]) == (CLIENT, "https")
    assert seen["server"] == ["localhost", proxy.port]
    headers = dict(seen["headers"])
    assert headers["x-forwarded-for"] == f"{CLIENT}, 127.0.0.1"
    assert headers["x-real-ip"] == CLIENT
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == headers["host"] == f"localhost:{proxy.port}"
    assert not {"x-forwarded-port", "x-forwarded-prefix"} & set(headers)
    assert "6.6.6.6" not in str(headers)


def test_a_client_cannot_name_two_hosts(proxy: Proxy) -> None:
    """What the proxy has decided by must be what Prack and the application see."""
    url = f"https://localhost:{proxy.port}/echo"
    target = ("--http1.1", "--request-target", url, "-H", "Host: denied.example")
    headers = dict(json.loads(proxy.run("/echo", *target))["headers"])
    assert headers["host"] == headers["x-forwarded-host"] == f"localhost:{proxy.port}"


def test_each_piece_of_a_response_arrives_before_the_next_is_sent(
    proxy: Proxy, gateway: Gateway, launch: Launcher
) -> None:
    curl = launch.process(*proxy.curl("/paced/proxied/text/event-stream"))
    for piece in PACED:
        curl.line(piece.decode().strip())
        assert fetch(gateway.port, "/ack/proxied").status == 204
    assert curl.wait() == 0


def test_each_piece_of_an_upload_arrives_before_the_next_is_sent(proxy: Proxy) -> None:
    command = proxy.curl("/mirror", "-X", "POST", "-T", ".")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as curl:
        assert curl.stdin
        assert curl.stdout
        for piece in PACED:
            curl.stdin.write(piece)
            curl.stdin.flush()
            assert curl.stdout.readline() == piece
        curl.stdin.close()
        assert curl.stdout.read() == b""
    assert curl.returncode == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_large_heads_pass(proxy: Proxy, method: str) -> None:
    fields = [part for n in range(4) for part in ("-H", f"X-{n}: {'v' * 8000}")]
    options = ["--head"] if method == "HEAD" else []
    reply = proxy.ask("/large-head", *fields, *options)
    assert reply.status == 200
    assert sum(len(value) for _, value in reply.headers) > 60_000


async def test_a_websocket_passes(proxy: Proxy) -> None:
    context = ssl.create_default_context(cafile=proxy.certificate)
    url = f"wss://localhost:{proxy.port}/echo/proxied"
    sent = ("hello", b"\x00\xff", "a" * 200_000)
    async with connect(url, ssl=context, host="127.0.0.1", proxy=None) as client:
        for message in sent:
            await client.send(message)
            assert await client.recv() == message
        await client.close(4000, "enough")
    left = json.loads(proxy.ask("/left/proxied").body)
    assert (left["scheme"], left["client"][0]) == ("wss", "127.0.0.1")
    assert left["events"][-1]["code"] == 4000


def test_an_error_of_the_gateway_passes_untouched(start: Start, launch: Launcher) -> None:
    gateway = launch.gateway("--queue-timeout", "0.1", "--trusted-proxies", "127.0.0.1/32")
    reply = start(gateway).ask("/")
    assert reply.status == 503
    assert reply.header("content-type") == "application/problem+json"
    assert json.loads(reply.body)["code"] == "no_workers"
    assert reply.header("proxy-status").startswith("prack; error=")
    assert reply.header("retry-after") == "5"


def test_an_error_of_the_application_passes_untouched(proxy: Proxy) -> None:
    reply = proxy.ask("/unavailable")
    assert (reply.status, reply.body, reply.header("retry-after")) == (503, b"busy", "7")


def test_trailers_and_early_hints_are_passed_as_the_docs_say(proxy: Proxy) -> None:
    trailers = proxy.run("/trailers", "--include")
    if proxy.name == "caddy":
        assert b"\r\n\r\nhello" in trailers
        assert {b"x-sum: 1", b"x-last: 2"} <= set(trailers.partition(b"hello")[2].split(b"\r\n"))
        hints, _, answer = proxy.run("/hints", "--include").partition(b"\r\n\r\n")
        assert (hints[:10], answer[:10]) == (b"HTTP/2 103", b"HTTP/2 200")
        assert b"link: </a.css>; rel=preload" in hints
    else:
        assert trailers.endswith(b"\r\n\r\nhello")
