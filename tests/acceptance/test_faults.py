"""Processes that die or stop without a word: who notices, how soon, and who does not."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.acceptance.processes import (
    OVER,
    SECONDS,
    STREAMS,
    Gateway,
    Launcher,
    Process,
    Reply,
    connected,
    fetch,
    until_answered,
)

AT_ONCE = 1.0
CLIENTS = 20


Silent = dict[str, tuple[Process, Future[Reply]]]


@pytest.fixture(scope="module", autouse=True)
def silent(shared: Launcher) -> Iterator[Silent]:
    """Workers that stand still from the first test on, one for each carrier; and their clients."""
    found: Silent = {}
    with ThreadPoolExecutor() as pool:
        for over in STREAMS:
            gateway = shared.gateway()
            worker = shared.worker(gateway, over)
            held = pool.submit(fetch, gateway.port, "/hold/silent", "POST", seconds=2 * SECONDS)
            worker.line("holds silent")
            worker.send(signal.SIGSTOP)
            found[over] = worker, held
        yield found
        shared.end()  # or the pool would wait for the answers


def code(reply: Reply) -> str:
    """The stable code of an error that the gateway made."""
    found: str = json.loads(reply.body)["code"]
    return found


def until_held(workers: Sequence[Process], name: str) -> None:
    """Wait until one of these holds the request of this name."""
    deadline = time.monotonic() + SECONDS
    while not any(f"holds {name}" in worker.lines for worker in workers):
        assert time.monotonic() < deadline, f"nobody holds {name}"
        time.sleep(0.01)


@pytest.mark.parametrize("over", STREAMS)
def test_clients_of_a_killed_worker_hear_it_at_once(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    doomed = launch.worker(gateway, over, "--slots", "3")
    with ThreadPoolExecutor(CLIENTS) as pool:
        lost = [pool.submit(fetch, gateway.port, f"/hold/lost-{i}", "POST") for i in range(3)]
        for i in range(3):
            doomed.line(f"holds lost-{i}")
        others = [launch.worker(gateway, way) for way in OVER]
        kept = [pool.submit(fetch, gateway.port, f"/hold/kept-{i}") for i in range(4)]
        for i in range(4):
            until_held(others, f"kept-{i}")
        killed = time.monotonic()
        doomed.kill()
        replies = [future.result() for future in lost]
        assert time.monotonic() - killed < AT_ONCE
        for reply in replies:
            assert (reply.status, code(reply)) == (502, "worker_lost")
            assert reply.header("proxy-status").startswith("prack; error=")
        for i in range(4):
            launch.release(f"kept-{i}")
        assert [future.result().status for future in kept] == [200] * 4
    assert fetch(gateway.port, "/run/next").status == 200


@pytest.mark.parametrize("over", STREAMS)
async def test_a_response_that_has_begun_is_cut(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    doomed = launch.worker(gateway, over)
    async with connected(gateway.port) as client:
        await client.get(b"/begin/cut")
        head = await client.head()
        assert (head.status, head.header(b"transfer-encoding")) == (200, b"chunked")
        assert await client.chunk() == b"begun\n"
        killed = time.monotonic()
        doomed.kill()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunk()
        assert time.monotonic() - killed < AT_ONCE


def test_a_rest_worker_that_is_killed_costs_its_clients_a_504(launch: Launcher) -> None:
    gateway = launch.gateway("--head-timeout", "1")
    doomed = launch.worker(gateway, "rest")
    with ThreadPoolExecutor(CLIENTS) as pool:
        lost = pool.submit(fetch, gateway.port, "/hold/lost", "POST")
        doomed.line("holds lost")
        doomed.kill()
        launch.worker(gateway, "rest")
        assert fetch(gateway.port, "/run/other").status == 200
        assert (lost.result().status, code(lost.result())) == (504, "deadline")


def test_killed_pollers_take_no_request_with_them(launch: Launcher, gateway: Gateway) -> None:
    url = f"http://127.0.0.1:{gateway.api_port}/api/v1/request?wait=60"
    pollers = [launch.process("curl", "-sv", url) for _ in range(10)]
    for poller in pollers:
        poller.line("> GET /api/v1/request")
    # The gateway reads what came before this request first.
    assert fetch(gateway.api_port, "/readyz").status == 200
    for poller in pollers:
        poller.kill()
    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = [pool.submit(fetch, gateway.port, f"/run/{i}") for i in range(20)]
        launch.worker(gateway, "rest")
        assert [future.result().status for future in sent] == [200] * 20
    assert all(poller.popen.returncode == -signal.SIGKILL for poller in pollers)


@pytest.mark.parametrize("over", OVER)
def test_a_worker_that_stands_still_stops_nobody_else(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    stopped = launch.worker(gateway, over, "--slots", "1")
    with ThreadPoolExecutor(CLIENTS) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/still")
        stopped.line("holds still")
        stopped.send(signal.SIGSTOP)
        launch.worker(gateway, over)
        began = time.monotonic()
        replies = [fetch(gateway.port, f"/run/{i}") for i in range(100)]
        assert time.monotonic() - began < SECONDS / 4
        assert {reply.status for reply in replies} == {200}
        launch.release("still")
        stopped.send(signal.SIGCONT)
        assert held.result().body == b"held still"


def test_workers_come_back_to_a_gateway_that_was_killed(launch: Launcher) -> None:
    gateway = launch.gateway()
    workers = [launch.worker(gateway, over) for over in OVER]
    assert fetch(gateway.port, "/run/before").status == 200
    gateway.kill()
    for worker in workers:
        worker.line("reconnecting")
    again = launch.gateway(ports=gateway.ports)
    for worker in workers:
        worker.line("Connected to", number=2)
        assert worker.popen.poll() is None
    assert until_answered(again.port, "/run/after").status == 200


def test_a_killed_gateway_resets_its_clients(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway)
    with ThreadPoolExecutor(CLIENTS) as pool:
        lost = pool.submit(fetch, gateway.port, "/hold/lost", "POST")
        worker.line("holds lost")
        gateway.kill()
        with pytest.raises(ConnectionError):
            lost.result()


@pytest.mark.parametrize("over", STREAMS)
def test_a_silent_worker_is_given_up(silent: Silent, over: str) -> None:
    worker, held = silent[over]
    reply = held.result()  # 15 s after the worker's last word
    assert (reply.status, code(reply)) == (502, "worker_lost")
    worker.send(signal.SIGCONT)
    worker.line("Connected to", number=2)
