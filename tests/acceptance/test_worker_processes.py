"""Several processes of one worker, which are replaced, killed and stopped while clients ask."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.acceptance.load import Load
from tests.acceptance.processes import PYTHON, Gateway, Launcher, Process, fetch

GREETING = """
import os
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"%d %d" % (os.getpid(), os.getppid())]
print("imported", flush=True)
"""
BROKEN = "def fail():\n    raise RuntimeError('no such table')\nfail()\n"
BOTH = pytest.mark.parametrize("ways", [(), ("--preload",)], ids=["spawned", "forked"])


def served(launch: Launcher, gateway: Gateway, *flags: str, app: str = "") -> Process:
    """Two processes that are connected; `app` is in a folder of its own, or the probe."""
    worker = launch.worker(gateway, "prack", *flags, **({"app": app} if app else {}))
    worker.line("2 processes of")
    worker.line("Connected to", number=2)
    return worker


def pids(worker: Process) -> set[int]:
    """The processes."""
    return {child.pid for child in psutil.Process(worker.popen.pid).children()}


def named(name: str, worker: Process) -> int:
    """The process with this name."""
    shown = {Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in pids(worker)}
    return shown[name]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An application that can be broken: `shop:app` in this folder."""
    (tmp_path / "shop.py").write_text(GREETING)
    return tmp_path / "shop.py"


# ---------------------------------------------------------------- what there is


def test_each_process_has_a_name_and_slots_of_its_own(
    launch: Launcher, gateway: Gateway, shop: Path
) -> None:
    flags = ("--processes", "2", "--slots", "3", "--app-dir", str(shop.parent))
    worker = served(launch, gateway, *flags, app="shop:app")
    worker.line("2 processes of 3 slots each serve shop")
    for name in ("shop-1", "shop-2"):
        worker.line(f"{name}: Connected to")
    assert {named("shop-1", worker), named("shop-2", worker)} == pids(worker)
    pid, parent = map(int, fetch(gateway.port, "/").body.split())
    assert pid in pids(worker)
    assert parent == worker.popen.pid
    assert worker.stop() == 0
    assert not psutil.pid_exists(pid)


def test_the_supervisor_loads_nothing_of_the_application(
    launch: Launcher, gateway: Gateway, shop: Path
) -> None:
    flags = ("--app-dir", str(shop.parent))
    command = (PYTHON, "-m", "prack_worker", "shop:app", "--gateway", gateway.url("prack"), *flags)
    worker = launch.process(*command, env={"WEB_CONCURRENCY": "2"})
    worker.line("Connected to", number=2)
    assert worker.lines.count("imported") == 2
    mapped = Path(f"/proc/{worker.popen.pid}/maps").read_text()
    assert "grpc" not in mapped
    assert "uvloop" not in mapped


def test_a_preloaded_application_is_imported_once(
    launch: Launcher, gateway: Gateway, shop: Path
) -> None:
    flags = ("--processes", "2", "--preload", "--app-dir", str(shop.parent))
    worker = served(launch, gateway, *flags, app="shop:app")
    assert worker.lines.count("imported") == 1
    assert int(fetch(gateway.port, "/").body.split()[0]) in pids(worker)
    assert worker.stop() == 0


# ---------------------------------------------------------------- under load


@BOTH
def test_a_rolling_restart_loses_no_request(
    launch: Launcher, gateway: Gateway, ways: tuple[str, ...]
) -> None:
    worker = served(launch, gateway, "--processes", "2", *ways)
    before = pids(worker)
    with Load(gateway.port, fresh=2) as load:
        load.more(50)
        worker.send(signal.SIGHUP)
        worker.line("Connected to", number=4)
        worker.line("All processes were replaced")
        load.more(50)
    assert not load.failures
    assert len(pids(worker)) == 2
    assert not pids(worker) & before


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--max-requests", "100", "--max-requests-jitter", "50"), "has answered its 100 requests"),
        (("--max-lifetime", "1"), "has run for 1 s"),
    ],
)
def test_recycling_loses_no_request(
    launch: Launcher, gateway: Gateway, flags: tuple[str, ...], why: str
) -> None:
    worker = served(launch, gateway, "--processes", "2", "--preload", *flags)
    with Load(gateway.port) as load:
        worker.line(f"tests-1 {why}")
        worker.line(f"tests-2 {why}")
        worker.line("Connected to", number=4)
        load.more(50)
    assert not load.failures
    assert worker.stop() == 0


@BOTH
def test_processes_that_are_killed_are_started_again(
    launch: Launcher, gateway: Gateway, ways: tuple[str, ...]
) -> None:
    """What may be repeated is; of the others, none has a promise."""
    worker = served(launch, gateway, "--processes", "2", *ways)
    with Load(gateway.port, methods=("GET", "PUT")) as load:
        for number, pid in enumerate(sorted(pids(worker)), start=1):
            load.more(50)
            os.kill(pid, signal.SIGKILL)
            worker.line("has ended with status 137; it is started again now", number)
            worker.line("Connected to", number=2 + number)
        load.more(50)
    assert not load.failures


def test_one_that_is_killed_again_is_started_later(launch: Launcher, gateway: Gateway) -> None:
    worker = served(launch, gateway, "--processes", "2", "--preload")
    for number, when in enumerate(("now", "in 1 s"), start=1):
        os.kill(named("tests-1", worker), signal.SIGKILL)
        worker.line(f"tests-1 has ended with status 137; it is started again {when}")
        worker.line("tests-1: Connected to", number=1 + number)


# ---------------------------------------------------------------- more, fewer, none


def test_one_more_and_one_less(launch: Launcher, gateway: Gateway) -> None:
    worker = served(launch, gateway, "--processes", "2", "--preload")
    worker.send(signal.SIGTTIN)
    worker.line("tests-3 is one of 3 processes")
    worker.line("tests-3: Connected to")
    for left, name in ((2, "tests-3"), (1, "tests-2")):
        worker.send(signal.SIGTTOU)
        worker.line(f"{name} leaves, {left} stay")
        worker.line(f"{name}: Stopped")
    worker.send(signal.SIGTTOU)
    worker.line("SIGTTOU ignored: one process is the least")
    assert fetch(gateway.port, "/run/1").status == 200
    assert worker.stop() == 0


@BOTH
def test_processes_without_their_supervisor_finish_what_they_hold(
    launch: Launcher, gateway: Gateway, ways: tuple[str, ...]
) -> None:
    worker = served(launch, gateway, "--processes", "2", *ways)
    left = [launch.adopt(pid) for pid in pids(worker)]
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/orphan", "POST")
        worker.line("holds orphan")
        worker.popen.kill()
        for number in (1, 2):
            worker.line("The process that started this one has ended", number)
        launch.release("orphan")
        assert held.result().status == 200
    psutil.wait_procs(left, timeout=20)
    assert not any(process.is_running() for process in left)


def test_processes_that_were_started_together_end_without_their_supervisor_as_well(
    launch: Launcher, gateway: Gateway
) -> None:
    worker = launch.worker(gateway, "prack", "--processes", "3", "--preload")
    worker.line("Connected to", number=3)
    worker.send(signal.SIGSTOP)  # so that it hears of all ends at once
    for child in psutil.Process(worker.popen.pid).children():
        child.kill()
        while child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    worker.send(signal.SIGCONT)
    worker.line("Connected to", number=6)
    left = [launch.adopt(pid) for pid in pids(worker)]
    worker.popen.kill()
    psutil.wait_procs(left, timeout=20)
    assert not any(process.is_running() for process in left)


def test_a_signal_for_all_processes_is_one_signal(launch: Launcher, gateway: Gateway) -> None:
    """As systemd stops a unit; the supervisor tells them the same again."""
    worker = served(launch, gateway, "--processes", "2")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/unit", "POST")
        worker.line("holds unit")
        for pid in (*pids(worker), worker.popen.pid):
            os.kill(pid, signal.SIGTERM)
        worker.line("SIGTERM: stopping")
        worker.line("1 requests in progress")
        launch.release("unit")
        assert held.result().status == 200
    assert worker.wait() == 0


def test_a_second_signal_ends_all_at_once(launch: Launcher, gateway: Gateway) -> None:
    worker = served(launch, gateway, "--processes", "2", "--preload")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/for-ever", "POST")
        worker.line("holds for-ever")
        worker.send(signal.SIGINT)
        worker.line("1 requests in progress")
        worker.send(signal.SIGTERM)
        assert worker.wait() == 143
        assert held.result().status == 502


# ---------------------------------------------------------------- what does not start


@BOTH
def test_an_application_that_fails_at_its_start_is_told_once(
    launch: Launcher, shop: Path, ways: tuple[str, ...]
) -> None:
    shop.write_text(BROKEN)
    flags = ("--processes", "4", *ways, "--app-dir", str(shop.parent))
    worker = launch.process(PYTHON, "-m", "prack_worker", "shop:app", *flags)
    assert worker.wait() == 3
    said = "\n".join(worker.lines)
    assert said.count("Traceback") == 1
    assert re.search(r'shop\.py", line 2, in fail\n.*\n(.*\^\n)?RuntimeError: no such table', said)


def test_a_broken_build_does_not_replace_what_serves(
    launch: Launcher, gateway: Gateway, shop: Path
) -> None:
    flags = ("--processes", "2", "--app-dir", str(shop.parent))
    worker = served(launch, gateway, *flags, app="shop:app")
    before = pids(worker)
    shop.write_text(BROKEN)
    worker.send(signal.SIGHUP)
    worker.line("shop-1 goes on, as what is to replace it does not start: RuntimeError: no such ta")
    worker.line('shop.py", line 2, in fail')
    worker.line("SIGHUP tries again")
    assert pids(worker) == before
    shop.write_text(GREETING + "# mended\n")
    worker.send(signal.SIGHUP)
    worker.line("All processes were replaced")
    assert not pids(worker) & before
    assert fetch(gateway.port, "/").status == 200
