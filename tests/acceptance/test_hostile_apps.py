"""What an application does to its own process does not end the worker, nor its neighbours."""

import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.acceptance.processes import OVER, PYTHON, Gateway, Launcher, Process, fetch

APPS = {"asgi": "tests.acceptance.hostile:app", "wsgi": "tests.acceptance.hostile:wsgi"}
EVERY = [(over, kind) for over in OVER for kind in APPS]
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(scope="module", params=EVERY, ids=["-".join(one) for one in EVERY])
def served(request: pytest.FixtureRequest, shared: Launcher) -> tuple[Gateway, Process, str]:
    over, kind = request.param
    gateway = shared.gateway()
    return gateway, shared.worker(gateway, over, "--slots", "4", app=APPS[kind]), kind


@pytest.mark.parametrize("name", ["pool", "terminated"])
def test_signals_for_children_are_not_for_the_worker(
    served: tuple[Gateway, Process, str], name: str
) -> None:
    gateway, worker, _ = served
    answers = {fetch(gateway.port, f"/page/{name}").body for _ in range(5)}
    assert answers == {b"[0, 1, 4]" if name == "pool" else b"-15"}
    assert worker.popen.poll() is None
    assert not [line for line in worker.lines if "Stopping" in line]


@pytest.mark.parametrize("name", ["exit", "interrupt", "cancelled", "odd"])
def test_whatever_is_raised_is_one_request_that_fails(
    served: tuple[Gateway, Process, str], name: str
) -> None:
    gateway, worker, _ = served
    with ThreadPoolExecutor(1) as pool:
        neighbour = pool.submit(fetch, gateway.port, "/slow/0.3")
        before = len(worker.lines)
        assert fetch(gateway.port, f"/before/{name}").status == 500
        assert neighbour.result().status == 200
    worker.line("The application failed on request")
    assert any("Traceback" in line for line in worker.lines[before:])
    with pytest.raises((http.client.IncompleteRead, AssertionError)):
        assert fetch(gateway.port, f"/after/{name}").status == 200
    assert fetch(gateway.port, "/page/hello").body == b"hello"


@pytest.mark.parametrize("what", ["task", "stray", "background"])
@pytest.mark.parametrize("name", ["exit", "interrupt", "cancelled", "odd"])
@pytest.mark.parametrize("over", OVER)
def test_tasks_may_raise_it_too(shared: Launcher, over: str, what: str, name: str) -> None:
    gateway = shared.gateway()
    worker = shared.worker(gateway, over, app=APPS["asgi"])
    status = fetch(gateway.port, f"/{what}/{name}").status
    assert status == (500 if what == "task" else 200)
    assert fetch(gateway.port, "/page/hello").body == b"hello"
    assert worker.popen.poll() is None


def test_an_application_that_exits_while_it_starts_has_failed_to_start(launch: Launcher) -> None:
    command = (PYTHON, "-m", "prack_worker", "tests.acceptance.hostile:quits")
    worker = launch.process(*command)
    assert worker.wait() == 3
    assert "SystemExit('no database')" in worker.lines[-1]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("over", "kind"), EVERY)
def test_a_signal_for_the_whole_group_is_one_signal(
    launch: Launcher, over: str, kind: str, number: signal.Signals
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over, app=APPS[kind])
    assert fetch(gateway.port, "/page/forked").body == b"forked"
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/slow/0.5")
        worker.line("slow")
        os.killpg(worker.popen.pid, number)
        assert held.result().body == b"0.5"
    assert worker.wait() == 0
    assert not [line for line in worker.lines if "at once" in line]


@pytest.mark.parametrize("kind", APPS)
def test_a_worker_that_is_killed_is_lost_at_once_whoever_it_has_forked(
    launch: Launcher, kind: str
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, app=APPS[kind])
    assert fetch(gateway.port, "/page/forked").body == b"forked"
    (child,) = psutil.Process(worker.popen.pid).children()
    launch.adopt(child.pid)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/slow/60", "POST")
        worker.line("slow")
        worker.popen.kill()
        asked = time.monotonic()
        assert held.result().status == 502
        assert time.monotonic() - asked < 8  # for silence it is lost after 15 s
    assert child.is_running()


@pytest.mark.parametrize(("over", "kind"), EVERY)
def test_the_end_waits_for_no_thread(launch: Launcher, over: str, kind: str) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over, "--grace", "1", app=APPS[kind])
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hang/x")
        worker.line("hangs")
        worker.send(signal.SIGTERM)
        asked = time.monotonic()
        assert worker.wait() == 0
        assert time.monotonic() - asked < 3
        assert held.result().status == 502
    worker.line(r"GET /hang/x")
    worker.line(r"thread .* at .*:\d+ in ")


@pytest.mark.parametrize("over", OVER)
def test_the_end_waits_for_no_blocked_loop(launch: Launcher, over: str) -> None:
    gateway = launch.gateway("--grace", "0.2")
    worker = launch.worker(gateway, over, "--grace", "1", app=APPS["asgi"])
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/block/60", seconds=60)
        worker.line("blocks")
        worker.send(signal.SIGTERM)
        asked = time.monotonic()
        assert worker.wait() == 0
        assert time.monotonic() - asked < 3
        worker.line("Left behind: GET /block/60")
        gateway.stop()
        assert held.result().status >= 500
