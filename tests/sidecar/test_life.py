"""A worker and the application beside it: how they start, miss each other, and end."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.load import Load
from tests.acceptance.processes import PROBE, PYTHON, Gateway, Launcher, fetch, free_ports
from tests.sidecar.beside import APP, beside

STUBBORN = (*APP, "stubborn")
UVICORN = f"{PYTHON} -m uvicorn tests.differential.corners:app"


def pid(gateway: Gateway) -> int:
    """That of the application which answers; a request waits until one does."""
    return int(fetch(gateway.port, "/pid").body)


def is_gone(process: int) -> bool:
    """One that nobody has waited for is gone, too."""
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_command_is_served_on_a_port_of_its_own(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    worker = beside(launch, gateway, over=over)
    port = worker.line(r"Running .* at http://localhost:(\d+) with 64 slots")[1]
    assert fetch(gateway.port, "/port").body.decode() == port
    assert fetch(gateway.port, "/", "POST", b"order").body == b"order"


def test_no_request_comes_before_the_application_is_ready(
    launch: Launcher, gateway: Gateway
) -> None:
    beside(launch, gateway, "--ready", "/ready")
    assert fetch(gateway.port, "/probes").body == b"4"


def test_an_application_that_runs_already(launch: Launcher, gateway: Gateway) -> None:
    (port,) = free_ports(1)
    worker = beside(launch, gateway, "--proxy", f"http://127.0.0.1:{port}", command=())
    launch.process(*APP, env={"PORT": str(port)}).line("listening")
    assert fetch(gateway.port, "/port").body.decode() == str(port)
    assert worker.stop() == 0


@pytest.mark.parametrize("status", [0, 7])
def test_the_worker_ends_as_its_command_does(
    launch: Launcher, gateway: Gateway, over: str, status: int
) -> None:
    worker = beside(launch, gateway, over=over)
    assert fetch(gateway.port, f"/die?{status}").status == 502
    assert worker.wait() == status
    worker.line(f"prack-worker: the command ended by itself, with status {status}")


def test_a_command_may_end_before_it_is_ready(launch: Launcher, gateway: Gateway) -> None:
    assert beside(launch, gateway, command=("sh", "-c", "exit 3")).wait() == 3


def test_a_command_that_is_none(launch: Launcher, gateway: Gateway) -> None:
    worker = beside(launch, gateway, command=("/no/such/program",))
    assert worker.wait() == 1
    worker.line('prack-worker: "/no/such/program" cannot be run: No such file or directory')


def test_a_command_is_started_again_and_requests_wait(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    worker = beside(launch, gateway, "--restart", over=over)
    first = pid(gateway)
    os.kill(first, signal.SIGKILL)
    worker.line("The command ended, with status 137; starting it again")
    with ThreadPoolExecutor(20) as pool:
        replies = pool.map(lambda n: fetch(gateway.port, "/", "POST", b"%d" % n), range(20))
        assert [reply.body for reply in replies] == [b"%d" % n for n in range(20)]
    assert pid(gateway) != first
    assert worker.stop() == 0


def test_requests_wait_while_the_application_is_away(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    (port,) = free_ports(1)
    app = launch.process(*APP, env={"PORT": str(port)})
    app.line("listening")
    worker = beside(launch, gateway, "--proxy", f"http://127.0.0.1:{port}", over=over, command=())
    assert pid(gateway) == app.popen.pid
    app.stop()
    with ThreadPoolExecutor(20) as pool:
        replies = pool.map(lambda n: fetch(gateway.port, "/", "POST", b"%d" % n), range(20))
        worker.line("The application is away; taking no requests until it is ready again")
        launch.process(*APP, env={"PORT": str(port)})
        assert [reply.body for reply in replies] == [b"%d" % n for n in range(20)]
    worker.line("The application is ready again")


def test_a_stop_finishes_what_is_held_before_the_command_hears_of_it(
    launch: Launcher, gateway: Gateway, over: str, tmp_path: Path
) -> None:
    worker = beside(launch, gateway, over=over, folder=tmp_path)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/held?it")
        worker.line("holding it")
        worker.send(signal.SIGTERM)
        worker.line("Stopping: 1 requests in progress")
        launch.release("it")
        assert held.result().status == 200
    assert worker.wait() == 0
    said = [line for line in worker.lines if line in ("released it", "signal 15")]
    assert said == ["released it", "signal 15"]


def test_a_command_that_does_not_listen_is_killed_after_the_grace(
    launch: Launcher, gateway: Gateway, tmp_path: Path
) -> None:
    worker = beside(launch, gateway, "--grace", "0.5", command=STUBBORN, folder=tmp_path)
    process = pid(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/held?it")
        worker.line("holding it")
        assert worker.stop() == 0
        assert held.result().status == 502
    worker.line("signal 15")
    assert is_gone(process)


def test_a_second_signal_leaves_nothing_of_the_command(
    launch: Launcher, gateway: Gateway, tmp_path: Path
) -> None:
    worker = beside(launch, gateway, command=STUBBORN, folder=tmp_path)
    process = pid(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/held?it", "POST", b"")
        worker.line("holding it")
        worker.send(signal.SIGINT)
        worker.line("Stopping: 1 requests in progress")
        assert worker.stop(signal.SIGINT) == 130
        assert held.result().status == 502
    assert is_gone(process)


def test_a_rolling_deploy_loses_nothing(launch: Launcher, gateway: Gateway, over: str) -> None:
    command = ("sh", "-c", f"exec {PYTHON} -m uvicorn {PROBE} --port $PORT")
    old = beside(launch, gateway, over=over, command=command)
    with Load(gateway.port) as load:
        for _ in range(3):
            load.more(20)
            new = beside(launch, gateway, over=over, command=command)
            new.line("Connected to")
            assert old.stop() == 0
            old = new
        load.more(20)
    assert not load.failures


async def test_an_application_ends_its_websockets_in_its_own_way(
    launch: Launcher, gateway: Gateway
) -> None:
    worker = beside(launch, gateway, command=("sh", "-c", f"exec {UVICORN} --port $PORT"))
    async with connect(f"ws://127.0.0.1:{gateway.port}/echo/one") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        worker.send(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012  # as uvicorn says
    assert worker.wait() == 0


async def test_a_stop_hangs_up_the_websockets_of_an_application_that_goes_on(
    launch: Launcher, gateway: Gateway
) -> None:
    (port,) = free_ports(1)
    app = launch.process("sh", "-c", f"exec {UVICORN} --port {port}")
    worker = beside(launch, gateway, "--proxy", f"http://127.0.0.1:{port}", command=())
    async with connect(f"ws://127.0.0.1:{gateway.port}/echo/one") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert worker.stop() == 0
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert app.popen.poll() is None


def test_a_stop_before_the_application_is_ready(launch: Launcher, gateway: Gateway) -> None:
    worker = beside(launch, gateway, command=("sh", "-c", "echo $$; exec sleep 60"))
    process = int(worker.line(r"^\d+$")[0])
    assert worker.stop() == 0
    assert is_gone(process)
