"""The gateway's half of docs/deploying.md: gateways that are replaced while they serve.

ACCEPTANCE_UPGRADES=50 replaces one so often under load.
"""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.acceptance.load import Load
from tests.acceptance.probe import part
from tests.acceptance.processes import (
    OVER,
    PROCESSES,
    PYTHON,
    ROOT,
    SECONDS,
    STREAMS,
    Gateway,
    Launcher,
    Reply,
    connected,
    environment,
    fetch,
    free_ports,
)
from tests.acceptance.proxies import haproxy
from tests.docs.pages import fenced, page
from tests.support.certificates import Authority
from tests.support.client import RawClient
from tests.support.frames import CLOSE, TEXT, close, frame, open_socket, receive

UPGRADES = int(os.environ.get("ACCEPTANCE_UPGRADES", "2"))
# A new gateway has to import all of itself first.
UPGRADE_SECONDS = 3 * SECONDS
EACH = pytest.mark.parametrize("over", OVER)
ECHO = "tests.conformance.websocket.echo:app"

pytestmark = pytest.mark.timeout(2 * UPGRADE_SECONDS)
Upgrade = Callable[[Gateway], psutil.Process]


def prack_upgrade(api_port: int) -> subprocess.CompletedProcess[str]:
    """The command of the page."""
    section = page("docs/deploying.md").partition("## The gateway")[2]
    lines = [line.partition(" #")[0].split() for line in fenced(section, "sh")[0].splitlines()]
    (words,) = [words for program, *words in lines if program == "prack"]
    return subprocess.run(
        [PYTHON, "-m", "prack_grpc", *words, "--api-port", str(api_port)],
        cwd=ROOT,
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=UPGRADE_SECONDS,
    )


@pytest.fixture
def upgrade(launch: Launcher) -> Upgrade:
    """Replaces a gateway, and returns its successor."""

    def upgrade(gateway: Gateway) -> psutil.Process:
        done = prack_upgrade(gateway.api_port)
        assert done.returncode == 0, done.stderr + str(gateway)
        match = re.match(r"process (\d+) has taken over", done.stdout)
        assert match, done.stdout
        return launch.adopt(int(match[1]))

    return upgrade


def in_flight(gateway: Gateway) -> int:
    """How many requests the gateway holds; of several processes also those that are replaced."""
    return int(json.loads(fetch(gateway.api_port, "/api/v1/queue").body)["in_flight"])


def until_in_flight(gateway: Gateway, count: int) -> None:
    """Wait until the gateway holds so many requests."""
    deadline = time.monotonic() + SECONDS
    while (found := in_flight(gateway)) != count:
        assert time.monotonic() < deadline, f"{found} requests, not {count}; {gateway}"
        time.sleep(0.01)


# ---------------------------------------------------------------- nothing is lost


@pytest.mark.timeout(UPGRADE_SECONDS * (UPGRADES + 1))
def test_upgrades_under_load_lose_nothing(launch: Launcher, upgrade: Upgrade) -> None:
    gateway = launch.gateway()
    workers = [launch.worker(gateway, over) for over in OVER]
    with Load(gateway.port, fresh=4) as load:
        for _ in range(UPGRADES):
            load.more(50)
            upgrade(gateway)
        for worker in workers:
            worker.line("ran", number=sum("ran" in line for line in worker.lines) + 1)
    assert not load.failures


@pytest.mark.timeout(2 * UPGRADE_SECONDS)
def test_an_upgrade_under_load_over_tls_loses_nothing(
    launch: Launcher, upgrade: Upgrade, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    shown = authority.issue("IP:127.0.0.1")
    (redirect,) = free_ports(1)
    gateway = launch.gateway(
        *shown.flags(), *shown.flags("api-tls"), "--http-redirect", str(redirect)
    )
    workers = [launch.worker(gateway, over, "--tls-ca", str(authority.file)) for over in OVER]
    with Load(gateway.port, fresh=4, tls=authority.client()) as load:
        load.more(50)
        upgrade(gateway)
        assert fetch(redirect, "/").status == 308
        for worker in workers:
            worker.line("ran", number=sum("ran" in line for line in worker.lines) + 1)
    assert not load.failures


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_an_upgrade_behind_the_proxy_protocol_loses_nothing(
    launch: Launcher, upgrade: Upgrade, tmp_path: Path, secure: bool
) -> None:
    authority = Authority(tmp_path)
    flags = authority.issue("IP:127.0.0.1").flags() if secure else ()
    gateway = launch.gateway("--proxy-protocol", "--trusted-proxies", "127.0.0.1/32", *flags)
    launch.worker(gateway)
    port = haproxy(launch, tmp_path, gateway, "send-proxy-v2")
    with Load(port, fresh=4, tls=authority.client() if secure else None) as load:
        load.more(50)
        upgrade(gateway)
        load.more(50)
    assert not load.failures


@pytest.mark.parametrize("over", STREAMS)
def test_a_worker_that_offers_all_its_slots_to_both_is_handed_no_more(
    launch: Launcher, upgrade: Upgrade, over: str
) -> None:
    gateway = launch.gateway()
    port = gateway.grpc_port if over == "grpc" else gateway.api_port
    command = PYTHON, "-m", "tests.support.greedy_worker", over, str(port), "3"
    worker = launch.process(*command)
    worker.line("connected")
    with Load(gateway.port, clients=8, fresh=4) as load:
        load.more(100)
        upgrade(gateway)
        worker.line("connected", number=2)
        load.more(200)
    assert not load.failures
    assert [line for line in worker.lines if "holds" in line] == ["holds 1", "holds 2", "holds 3"]


@EACH
def test_what_is_held_and_what_waits_is_answered(
    launch: Launcher, upgrade: Upgrade, over: str
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over, "--slots", "1")
    with ThreadPoolExecutor(3) as pool:

        def ask(target: str) -> Future[Reply]:
            return pool.submit(fetch, gateway.port, target, seconds=UPGRADE_SECONDS)

        held = ask("/hold/it")
        worker.line("holds it")
        waiting = ask("/run/waiting")
        until_in_flight(gateway, 2)
        upgrade(gateway)
        before = in_flight(gateway)
        late = ask("/run/late")
        until_in_flight(gateway, before + 1)
        launch.release("it")
        assert held.result().body == b"held it"
        assert waiting.result().body == b"waiting 1"
        assert late.result().body == b"late 1"
    assert gateway.popen.wait(SECONDS) == 0


def test_the_next_upgrade_waits_until_the_last_one_is_over(
    launch: Launcher, upgrade: Upgrade
) -> None:
    """Or the answers of REST workers would find nobody who passes them on."""
    gateway = launch.gateway()
    worker = launch.worker(gateway, "rest")
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/it", seconds=2 * UPGRADE_SECONDS)
        worker.line("holds it")
        first = upgrade(gateway)
        second = pool.submit(upgrade, gateway)
        assert fetch(gateway.port, "/run/meanwhile").status == 200
        assert gateway.popen.poll() is None
        launch.release("it")
        assert held.result().body == b"held it"
        assert second.result() != first
        assert fetch(gateway.port, "/run/after").status == 200


# ---------------------------------------------------------------- connections

# Clients in the middle of something when all wait at the barrier for the first time; when they
# pass it for the second time, there is another gateway.
SIZE = 200_000
# Going away; or service restart, where the process of the worker is replaced first.
GOODBYES = (1001,) if PROCESSES == "1" else (1001, 1012)


async def streams(port: int, barrier: asyncio.Barrier, launch: Launcher) -> None:
    async with connected(port) as client:
        await client.get(b"/begin/it")
        assert (await client.head()).status == 200
        assert await client.chunk() == b"begun\n"
        await barrier.wait()
        await barrier.wait()
        launch.release("it")
        assert [await client.chunk(), await client.chunk()] == [b"ended\n", b""]
        # Its head did not say that the connection ends: so there may be another request.
        await client.get(b"/run/next")
        response = await client.response()
        assert (response.status, response.header(b"connection")) == (200, b"close")
        assert await client.closed()


async def uploads(port: int, barrier: asyncio.Barrier, _: Launcher) -> None:
    async with connected(port) as client:
        await client.get(b"/sink/it", b"content-length: %d" % SIZE, method=b"POST")
        await client.send(part(0, SIZE // 2))
        await barrier.wait()
        await barrier.wait()
        await client.send(part(SIZE // 2, SIZE // 2))
        response = await client.response()
        assert response.body == b"200000 bytes, 0 wrong"
        assert response.header(b"connection") == b"close"


async def idles(port: int, barrier: asyncio.Barrier, _: Launcher) -> None:
    async with connected(port) as client, connected(port) as late, connected(port) as silent:
        await client.get(b"/run/1")
        assert (await client.response()).status == 200
        await barrier.wait()
        await barrier.wait()
        assert await client.closed()
        await late.get(b"/run/2")  # its first request, which no client sends again
        assert (await late.response()).status == 200
        assert await silent.closed()


async def speaks(port: int, barrier: asyncio.Barrier, _: Launcher) -> None:
    async with connected(port) as client:
        assert (await open_socket(client, b"/socket")).status == 101
        await barrier.wait()
        await barrier.wait()
        goodbye = await receive(client)
        assert goodbye.opcode == CLOSE
        assert int.from_bytes(goodbye.data[:2]) in GOODBYES
        await client.send(close(1001))
    async with connected(port) as client:
        assert (await open_socket(client, b"/socket")).status == 101
        await client.send(frame(TEXT, b"hello"))
        assert (await receive(client)).data == b"hello"


async def test_what_is_open_ends_in_order(launch: Launcher, upgrade: Upgrade) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    launch.worker(gateway, "prack", "--route", "/socket", app=ECHO)
    barrier = asyncio.Barrier(5)
    async with asyncio.TaskGroup() as clients:
        for client in (streams, uploads, idles, speaks):
            clients.create_task(client(gateway.port, barrier, launch))
        await barrier.wait()
        await asyncio.to_thread(until_in_flight, gateway, 3)
        await asyncio.to_thread(upgrade, gateway)
        await barrier.wait()
    assert await asyncio.to_thread(gateway.popen.wait, SECONDS) == 0


async def test_a_rest_worker_gets_an_upload_that_has_begun(
    launch: Launcher, upgrade: Upgrade
) -> None:
    """Its poll was parked at the old gateway, and waits there for the whole body."""
    gateway = launch.gateway()
    launch.worker(gateway, "rest")
    barrier = asyncio.Barrier(2)
    async with asyncio.TaskGroup() as clients:
        clients.create_task(uploads(gateway.port, barrier, launch))
        await barrier.wait()
        await asyncio.to_thread(until_in_flight, gateway, 1)
        await asyncio.to_thread(upgrade, gateway)
        await barrier.wait()


# ---------------------------------------------------------------- no successor


def test_a_successor_that_does_not_start_changes_nothing(
    launch: Launcher, upgrade: Upgrade, tmp_path: Path
) -> None:
    token = tmp_path / "gateway-token"
    token.write_text("a" * 22)
    gateway = launch.gateway("--token-file", str(token))
    worker = launch.worker(gateway, "prack", "--token-file", str(token))
    token.write_text("short")
    done = prack_upgrade(gateway.api_port)
    assert done.returncode == 1
    assert "the new gateway exited (2); see the log for the reason" in done.stderr
    gateway.line("the token must have at least 22")
    gateway.line("upgrade_failed")
    assert fetch(gateway.port, "/run/still").status == 200
    token.write_text("b" * 22)
    upgrade(gateway)
    worker.line("Connected to", number=2)
    assert fetch(gateway.port, "/run/again").status == 200


def test_c10_a_successor_shows_the_certificate_of_now_or_does_not_start(
    launch: Launcher, upgrade: Upgrade, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    shown = authority.issue("IP:127.0.0.1")
    gateway = launch.gateway(*shown.flags())
    before = ssl.get_server_certificate(("127.0.0.1", gateway.port))
    shown.expire()
    done = prack_upgrade(gateway.api_port)
    assert done.returncode == 1
    assert "the new gateway exited (3); see the log for the reason" in done.stderr
    gateway.line(f"prack: --tls-cert: {shown.cert} expired on")
    assert ssl.get_server_certificate(("127.0.0.1", gateway.port)) == before
    authority.issue("IP:127.0.0.1")
    upgrade(gateway)
    now = ssl.get_server_certificate(("127.0.0.1", gateway.port))
    assert now == shown.cert.read_text() != before


def test_without_a_gateway_the_command_says_where_it_looked() -> None:
    (port,) = free_ports(1)
    done = prack_upgrade(port)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--api-port" in done.stderr


async def test_what_waits_in_the_kernel_is_answered_when_a_gateway_stops(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    gateway.send(signal.SIGSTOP)
    clients = [await RawClient.connect(gateway.port) for _ in range(5)]
    for client in clients:
        await client.get(b"/run/it")
    gateway.send(signal.SIGTERM)
    gateway.send(signal.SIGCONT)
    for client in clients:
        assert (await client.response()).status in (200, 503)
        await client.close()
    assert gateway.wait() == 0


# ---------------------------------------------------------------- systemd


def test_systemd_is_told_who_serves(launch: Launcher, upgrade: Upgrade, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(SECONDS)
        gateway = launch.gateway(env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert systemd.recv(999) == b"READY=1"
        successor = upgrade(gateway)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", systemd.recv(999))
        assert systemd.recv(999) == b"MAINPID=%d\nREADY=1" % successor.pid
        assert gateway.popen.wait(SECONDS) == 0
        successor.send_signal(signal.SIGTERM)
        assert systemd.recv(999) == b"STOPPING=1"
