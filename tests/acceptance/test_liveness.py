"""A worker whose application blocks is alive, one that was stopped is not; on all transports."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.processes import OVER, STREAMS, Launcher, fetch

ASGI, WSGI = "tests.acceptance.hostile:app", "tests.acceptance.hostile:wsgi"
SILENCE = ("--max-silence", "1")
BLOCK = 2.5  # seconds: longer than a gateway waits for a sign of life


@pytest.mark.parametrize(("over", "app"), [*((over, ASGI) for over in OVER), ("prack", WSGI)])
def test_one_long_call_costs_its_neighbours_only_time(
    launch: Launcher, over: str, app: str
) -> None:
    gateway = launch.gateway(*SILENCE)
    worker = launch.worker(gateway, over, "--slots", "2", *SILENCE, app=app)
    with ThreadPoolExecutor(2) as pool:
        neighbour = pool.submit(fetch, gateway.port, "/slow/0.5")
        worker.line("slow")
        blocking = pool.submit(fetch, gateway.port, f"/sleep/{BLOCK}")
        worker.line("sleeps")
        other = launch.worker(gateway, over, *SILENCE, app=app)
        assert [one.result().status for one in (neighbour, blocking)] == [200, 200]
    assert not [line for line in other.lines if line in ("slow", "slows", "sleeps")]
    assert not gateway.records("worker_lost")
    if app == ASGI:
        worker.line(r"event loop has been blocked for 1\.\d s, at .*hostile\.py:\d+ in app\.")
        worker.line(r"event loop goes on, after it was blocked for [23]\.\d s")
    assert len([line for line in worker.lines if "event loop" in line]) == (2 if app == ASGI else 0)


@pytest.mark.parametrize("over", STREAMS)
def test_a_worker_is_given_nothing_while_it_blocks(launch: Launcher, over: str) -> None:
    gateway = launch.gateway(*SILENCE)
    worker = launch.worker(gateway, over, "--slots", "4", app=ASGI)
    with ThreadPoolExecutor(1) as pool:
        blocking = pool.submit(fetch, gateway.port, f"/sleep/{BLOCK}")
        worker.line("has been blocked")
        other = launch.worker(gateway, over, app=ASGI)
        hellos = [fetch(gateway.port, "/page/hello").status for _ in range(4)]
        assert (hellos, blocking.done()) == ([200] * 4, False)
        assert blocking.result().status == 200
        other.stop()
        held = [fetch(gateway.port, "/slow/0.01").status for _ in range(2)]
    assert held == [200] * 2


@pytest.mark.parametrize("over", OVER)
def test_a_worker_that_is_stopped_is_found_in_time(launch: Launcher, over: str) -> None:
    gateway = launch.gateway(*SILENCE)
    worker = launch.worker(gateway, over, *SILENCE, app=ASGI)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/slow/60", "POST")
        worker.line("slow")
        worker.send(signal.SIGSTOP)
        stopped = time.monotonic()
        assert held.result().status == 502
        assert time.monotonic() - stopped < 3
    worker.send(signal.SIGCONT)


@pytest.mark.parametrize("over", OVER)
def test_a_gateway_that_is_stopped_is_dialled_again(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over, *SILENCE, app=ASGI)
    gateway.send(signal.SIGSTOP)
    # Over REST a poll is parked for 5 s, and late after 1 s more.
    worker.line("Lost the gateway: .*silent for 1 s" if over in STREAMS else "Lost the gateway")
    gateway.send(signal.SIGCONT)
    worker.line("Connected to", number=2)
    assert fetch(gateway.port, "/page/hello").body == b"hello"
