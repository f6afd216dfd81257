"""Several processes behind the same ports, as real ones: `prack serve --processes N`."""

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.acceptance.load import Load
from tests.acceptance.processes import (
    SECONDS,
    Gateway,
    Launcher,
    Process,
    fetch,
    free_ports,
    launching,
)
from tests.acceptance.test_activation import activated
from tests.acceptance.test_upgrade import UPGRADE_SECONDS, prack_upgrade
from tests.support.certificates import Authority

FAILING = "tests.processes.failing"
MEGABYTE = 1024 * 1024
# Of memory that only this process has, and its part of what it shares.
MOST_MEMORY = 45 * MEGABYTE

pytestmark = pytest.mark.timeout(2 * UPGRADE_SECONDS)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """Starts gateways and workers."""
    with launching(tmp_path) as launcher:
        yield launcher


@pytest.fixture
def gateway(launch: Launcher) -> Gateway:
    """Two processes."""
    return launch.gateway(processes="2")


def places(gateway: Gateway) -> Counter[int]:
    """To how many workers each process has said hello."""
    return Counter(record["process"] for record in gateway.records("worker_connected"))


def until_held(workers: Sequence[Process], count: int) -> None:
    """Wait until the applications hold so many requests."""
    deadline = time.monotonic() + SECONDS
    while sum("holds" in line for worker in workers for line in worker.lines) < count:
        assert time.monotonic() < deadline, f"there are not {count} requests"
        time.sleep(0.01)


def suspend(process: psutil.Process) -> None:
    """SIGSTOP, and wait: until then it may still take other signals."""
    process.suspend()
    deadline = time.monotonic() + SECONDS
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.01)


def upgraded(launch: Launcher, gateway: Gateway) -> psutil.Process:
    """The supervisor that has replaced that of the gateway."""
    done = prack_upgrade(gateway.api_port)
    assert done.returncode == 0, done.stderr + str(gateway)
    return launch.adopt(int(done.stdout.split()[1]))


# ---------------------------------------------------------------- who is where


def test_workers_are_dealt_evenly(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(4):
        launch.worker(gateway)
    assert places(gateway) == {1: 2, 2: 2}


def test_clients_come_to_all_processes(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(2):
        launch.worker(gateway)
    for number in range(64):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    gateway.line("/run/63")
    served = Counter(record["process"] for record in gateway.records())
    assert served.total() == 64
    # Of 64 coins, less than 8 show the same side in one of a billion runs.
    assert min(served[1], served[2]) >= 8


def test_the_private_ports_are_one_for_all(gateway: Gateway) -> None:
    assert fetch(gateway.admin_port, "/readyz").status == 200
    assert fetch(gateway.api_port, "/readyz").status == 200
    processes = {json.loads(line).get("process") for line in gateway.lines}
    announced = [line for line in gateway.lines if "Admin port on" in line]
    assert processes == {None, 1, 2}
    assert len(announced) == 2
    assert len({line.partition("Admin")[2].partition('"')[0] for line in announced}) == 1


def test_lines_of_several_processes_are_not_mixed(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(2):
        launch.worker(gateway)
    with Load(gateway.port, clients=16) as load:
        load.more(3000)
    assert not load.failures
    assert gateway.stop() == 0
    assert len([record for record in map(json.loads, gateway.lines) if "target" in record]) >= 3000


def test_a_further_process_costs_little_memory(gateway: Gateway) -> None:
    for child in gateway.children:
        assert child.memory_full_info().pss < MOST_MEMORY


def test_all_ports_speak_tls(launch: Launcher, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown, client = authority.issue("IP:127.0.0.1"), authority.client()
    (redirect,) = free_ports(1)
    flags = (*shown.flags(), *shown.flags("api-tls"), "--http-redirect", str(redirect))
    gateway = launch.gateway(*flags, processes="2")
    for over in ("prack", "grpc"):
        launch.worker(gateway, over, "--tls-ca", str(authority.file))
    assert fetch(redirect, "/").status == 308
    assert fetch(gateway.api_port, "/readyz", tls=client).status == 200
    assert gateway.stop() == 0


def test_sockets_of_systemd_are_for_all(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as public, ThreadPoolExecutor(1) as pool:
        port = public.getsockname()[1]
        first = activated(launch, "public", public, flags=("--processes", "2"))
        first.line('"2 processes serve"')
        assert fetch(port, "*", "OPTIONS").status == 204
        assert first.stop() == 0
        early = pool.submit(fetch, port, "*", "OPTIONS")
        second = activated(launch, "public", public, flags=("--processes", "2"))
        second.line('"2 processes serve"')
        assert early.result().status == 204


def test_systemd_hears_of_the_supervisor_only(launch: Launcher, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(SECONDS)
        gateway = launch.gateway(env={"NOTIFY_SOCKET": str(tmp_path / "notify")}, processes="2")
        assert notified.recv(99) == b"READY=1"
        assert gateway.stop() == 0
        assert notified.recv(99) == b"STOPPING=1"
        notified.setblocking(False)
        with pytest.raises(BlockingIOError):
            notified.recv(99)


# ---------------------------------------------------------------- crashes


def test_a_process_that_is_killed_is_started_again(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(4):
        launch.worker(gateway)
    first, second = gateway.children
    second.kill()
    gateway.line('"process_ended"')
    gateway.line('Public port on .*"process": 2', number=2)
    assert first.is_running()
    # Its workers come back to it, not to the other.
    gateway.line('"process": 2, "action": "worker_connected"', number=4)
    for number in range(20):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    (ended,) = gateway.records("process_ended")
    assert (ended["number"], ended["pid"], ended["status"]) == (2, second.pid, 137)


def test_only_the_clients_of_a_killed_process_are_cut(launch: Launcher, gateway: Gateway) -> None:
    workers = [launch.worker(gateway) for _ in range(2)]
    with ThreadPoolExecutor(16) as pool:
        held = [pool.submit(fetch, gateway.port, f"/hold/{n}", "POST") for n in range(16)]
        until_held(workers, 16)
        gateway.children[1].kill()
        gateway.line('Public port on .*"process": 2', number=2)
        for number in range(16):
            launch.release(str(number))
        cut = [one for one in held if one.exception()]
    assert all(isinstance(one.exception(), ConnectionError) for one in cut)
    answered = [one.result() for one in held if one not in cut]
    assert {one.status for one in answered} == {200}
    assert gateway.stop() == 0  # then all lines have been written
    assert len(gateway.records()) == len(answered)
    assert 0 < len(answered) < 16


def test_who_has_connected_waits_for_the_next_process(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(2):
        launch.worker(gateway)
    second = gateway.children[1]
    second.suspend()
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(fetch, gateway.port, f"/run/{n}") for n in range(16)]
        second.kill()
        assert {one.result().status for one in asked} == {200}


def test_without_their_supervisor_processes_finish_and_end(
    launch: Launcher, gateway: Gateway
) -> None:
    workers = [launch.worker(gateway) for _ in range(2)]
    children = gateway.children
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/it")
        until_held(workers, 1)
        gateway.popen.kill()
        gateway.line("the supervisor has ended: stopping", number=2)
        launch.release("it")
        assert held.result().body == b"held it"
    gone, alive = psutil.wait_procs(children, SECONDS)
    assert (len(gone), alive) == (2, [])


def test_clients_of_a_process_that_does_not_start_come_to_the_others(
    launch: Launcher, tmp_path: Path
) -> None:
    fails = tmp_path / "fails"
    gateway = launch.gateway(env={"SECOND_FAILS": str(fails)}, program=FAILING, processes="2")
    launch.worker(gateway)  # at the first
    fails.touch()
    gateway.children[1].kill()
    gateway.line("process 2 does not start, it ends with 7", number=2)
    for number in range(20):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    fails.unlink()
    gateway.line('Public port on .*"process": 2', number=2)
    gateway.lines[:] = [line for line in gateway.lines if "does not start" not in line]


# ---------------------------------------------------------------- stops


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_finish_what_they_hold(
    launch: Launcher, gateway: Gateway, number: signal.Signals
) -> None:
    workers = [launch.worker(gateway) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(fetch, gateway.port, f"/hold/{n}") for n in range(8)]
        until_held(workers, 8)
        gateway.send(number)
        gateway.line(f"{number.name}: stopping after the requests in progress", number=2)
        with pytest.raises(ConnectionError):
            fetch(gateway.port, "/run/late")
        for n in range(8):
            launch.release(str(n))
        assert sorted(one.result().body for one in held) == [b"held %d" % n for n in range(8)]
    assert gateway.wait() == 0


def test_the_second_signal_stops_all_at_once(launch: Launcher, gateway: Gateway) -> None:
    workers = [launch.worker(gateway) for _ in range(2)]
    children = gateway.children
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(fetch, gateway.port, f"/hold/{n}") for n in range(8)]
        until_held(workers, 8)
        gateway.send(signal.SIGINT)
        gateway.line("stopping after the requests in progress", number=2)
        gateway.send(signal.SIGINT)
        assert gateway.wait(seconds=5) == 130
        assert all(isinstance(one.exception(), ConnectionError) for one in held)
    assert psutil.wait_procs(children, 5)[1] == []


def test_the_second_signal_stops_also_who_was_busy_at_the_first(
    launch: Launcher, gateway: Gateway
) -> None:
    workers = [launch.worker(gateway) for _ in range(2)]
    children = gateway.children
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(fetch, gateway.port, f"/hold/{n}") for n in range(8)]
        until_held(workers, 8)
        suspend(children[1])
        gateway.send(signal.SIGTERM)
        gateway.line("stopping after the requests in progress")
        gateway.send(signal.SIGTERM)
        assert gateway.popen.wait(5) == 143
        children[1].resume()
        assert all(isinstance(one.exception(), ConnectionError) for one in held)
    assert psutil.wait_procs(children, 5)[1] == []


def test_sighup_reaches_all(gateway: Gateway) -> None:
    gateway.send(signal.SIGHUP)
    gateway.line("nothing to reload", number=2)
    assert gateway.stop() == 0


def test_processes_that_do_not_start_say_why_once(launch: Launcher, tmp_path: Path) -> None:
    wrong = tmp_path / "credentials.toml"
    wrong.write_text("nonsense")
    status, log = launch.failing(
        *("--processes", "2", "--api-port", "0", "--grpc-port", "0"),
        *("--credentials", str(wrong)),
    )
    assert status == 2
    assert log.count("prack: ") - log.count("lists every option") == 1


def test_a_port_that_is_taken_is_named(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, log = launch.failing("--processes", "2", "--api-port", port)
    assert status == 3
    assert log.count(f"cannot listen on 127.0.0.1:{port}") == 1
    assert "--api-port" in log


# ---------------------------------------------------------------- upgrades


def test_an_upgrade_under_load_loses_nothing(launch: Launcher, gateway: Gateway) -> None:
    workers = [launch.worker(gateway) for _ in range(4)]
    with Load(gateway.port, fresh=4) as load:
        for _ in range(2):
            load.more(50)
            upgraded(launch, gateway)
        for worker in workers:
            worker.line("ran", number=sum("ran" in line for line in worker.lines) + 1)
    assert not load.failures
    assert gateway.popen.wait(SECONDS) == 0


def test_processes_are_replaced_one_after_the_other(launch: Launcher, gateway: Gateway) -> None:
    for _ in range(2):
        launch.worker(gateway)
    before = gateway.children
    supervisor = upgraded(launch, gateway)
    assert gateway.popen.wait(SECONDS) == 0
    assert not any(child.is_running() for child in before)
    assert len(supervisor.children()) == 2
    replaced = [record for record in gateway.records("upgraded") if "process" in record]
    assert [record["process"] for record in replaced] == [1, 2]
    assert {record["pid"] for record in gateway.records("upgraded")} == {supervisor.pid}


def test_an_upgrade_that_fails_changes_nothing(launch: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    gateway = launch.gateway("--state-file", str(file), processes="2")
    children = gateway.children
    file.write_text("nonsense")
    file.chmod(0o600)
    done = prack_upgrade(gateway.api_port)
    assert done.returncode == 1
    assert "exited (2)" in done.stderr
    assert gateway.children == children
    for _ in range(2):
        launch.worker(gateway)
    for number in range(16):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    assert gateway.stop() == 0


def test_an_upgrade_that_fails_half_way_is_undone(launch: Launcher, tmp_path: Path) -> None:
    fails = tmp_path / "fails"
    gateway = launch.gateway(env={"SECOND_FAILS": str(fails)}, program=FAILING, processes="2")
    for _ in range(2):
        launch.worker(gateway)
    _, second = gateway.children
    fails.touch()
    done = prack_upgrade(gateway.api_port)
    fails.unlink()
    assert (done.returncode, "exited (7)" in done.stderr) == (1, True)
    gateway.line('Public port on .*"process": 1', number=3)
    for number in range(20):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    gateway.line("worker_connected", number=3)
    assert second in gateway.children
    assert len(gateway.children) == 2
    assert gateway.stop() == 0


def test_nothing_is_left_behind(launch: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    gateway = launch.gateway(processes="2", env={"TMPDIR": str(folder)})
    (shared,) = folder.iterdir()
    assert shared.stat().st_mode & 0o777 == 0o700
    supervisor = upgraded(launch, gateway)
    assert gateway.popen.wait(SECONDS) == 0
    assert list(folder.iterdir()) == [shared], "the next processes meet there, too"
    os.kill(supervisor.pid, signal.SIGTERM)
    supervisor.wait(SECONDS)
    assert not list(folder.iterdir())
