"""The workers' half of docs/deploying.md: its commands, run under load."""

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.load import Load
from tests.acceptance.processes import (
    OVER,
    PYTHON,
    ROOT,
    SECONDS,
    Gateway,
    Launcher,
    Process,
    environment,
    fetch,
)
from tests.docs.pages import fenced, page


def prack(gateway: Gateway, *words: str) -> str:
    """Run a command of whoever runs the gateway; what it printed."""
    done = subprocess.run(
        [PYTHON, "-m", "prack_grpc", *words, "--api-port", str(gateway.api_port)],
        cwd=ROOT,
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def states(gateway: Gateway) -> dict[str, str]:
    """What `prack versions` says of each version."""
    lines = prack(gateway, "versions").splitlines()[1:]
    return {line.split()[1]: line.split()[2].rstrip(",") for line in lines}


@pytest.mark.parametrize("over", OVER)
def test_a_rolling_deploy_loses_nothing(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    old = launch.worker(gateway, over, "--service", "web", "--app-version", "v0")
    with Load(gateway.port) as load:
        for number in range(1, 4):
            load.more(20)
            new = launch.worker(gateway, over, "--service", "web", "--app-version", f"v{number}")
            assert old.stop() == 0
            old = new
        load.more(20)
    assert not load.failures
    assert states(gateway) == {"v3": "active"}


def canary() -> list[list[str]]:
    """The commands of the section about canaries, in words."""
    text = page("docs/deploying.md").partition("## Step by step")[2]
    lines = [line.partition(" #")[0].rstrip(" &") for line in fenced(text, "sh")[0].splitlines()]
    return [line.split() for line in lines if line.strip()]


def test_the_canary_of_the_page(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--service", "web", "--app-version", "v1")
    with Load(gateway.port) as load:
        load.more(20)
        for program, *words in canary():
            if program == "prack":
                prack(gateway, *words)
            else:
                assert (program, words[0]) == ("prack-worker", "main:app")
                launch.worker(gateway, "prack", *words[1:])
            load.more(40)
    assert not load.failures
    assert states(gateway) == {"v1": "drained", "v2": "active"}


def test_the_last_worker_may_go_before_the_next_one_comes(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway)
    with Load(gateway.port) as load:
        load.more(20)
        assert worker.stop() == 0
        launch.worker(gateway)
        load.more(20)
    assert not load.failures


def holding(launch: Launcher, gateway: Gateway, over: str) -> Process:
    worker = launch.worker(gateway, over)
    assert fetch(gateway.port, "/run/first").status == 200
    return worker


@pytest.mark.parametrize("over", OVER)
def test_an_idle_worker_stops_at_once(launch: Launcher, over: str) -> None:
    """A REST worker's parked poll, of 5 seconds, returns when it leaves."""
    gateway = launch.gateway()
    worker = holding(launch, gateway, over)
    assert worker.stop() == 0
    lines = "\n".join(worker.lines)
    assert "0 requests in progress" in lines
    assert "Traceback" not in lines


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("DELETE", {}, 200),
        ("POST", {}, 502),
        ("POST", {"Idempotency-Key": "k"}, 200),
    ],
)
def test_what_a_killed_worker_held(
    launch: Launcher, method: str, headers: dict[str, str], status: int
) -> None:
    """The table of the page: another worker answers, or the client knows within a second."""
    gateway = launch.gateway()
    first = launch.worker(gateway)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(fetch, gateway.port, "/hold/it", method, None, headers)
        first.line("holds it")
        second = launch.worker(gateway)
        first.send(signal.SIGKILL)
        if status == 200:
            second.line("holds it")
        launch.release("it")
        reply = asked.result()
    assert reply.status == status
    if status == 502:
        assert '"worker_lost"' in reply.body.decode()
        assert not any("holds it" in line for line in second.lines)
