"""Start and stop of the two commands, with requests under way."""

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from tests.acceptance.processes import (
    OVER,
    PYTHON,
    Gateway,
    Launcher,
    Process,
    connected,
    fetch,
    free_ports,
    until_answered,
)

SIGNALS = [signal.SIGTERM, signal.SIGINT]
# Each way to connect, and each way to stop, once or more.
BOTH = pytest.mark.parametrize(("over", "number"), list(zip(OVER, cycle(SIGNALS))))
TWICE = pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])


def silent_end(process: Process) -> bool:
    """Whether it ended without a traceback."""
    return "Traceback" not in "\n".join(process.lines)


# ---------------------------------------------------------------- the gateway


@BOTH
def test_a_gateway_that_is_stopped_finishes_what_it_holds(
    launch: Launcher, over: str, number: signal.Signals
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over)
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(fetch, gateway.port, f"/hold/{i}") for i in range(4)]
        for i in range(4):
            worker.line(f"holds {i}")
        gateway.send(number)
        gateway.line(f"{number.name}: stopping after the requests in progress", gateway.count)
        with pytest.raises(ConnectionError):
            fetch(gateway.port, "/run/late")
        for i in range(4):
            launch.release(str(i))
        assert [future.result().body for future in held] == [b"held %d" % i for i in range(4)]
    assert gateway.wait() == 0
    assert silent_end(gateway)


@TWICE
def test_the_second_signal_stops_a_gateway_at_once(
    launch: Launcher, number: signal.Signals, status: int
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/for-ever")
        worker.line("holds for-ever")
        gateway.send(number)
        gateway.line("stopping after the requests in progress")
        gateway.send(number)
        assert gateway.wait(seconds=2) == status
        with pytest.raises(ConnectionError):
            held.result()
    assert silent_end(gateway)


def test_requests_that_are_not_finished_in_time_are_answered(launch: Launcher) -> None:
    gateway = launch.gateway("--grace", "0.3")
    worker = launch.worker(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/for-ever")
        worker.line("holds for-ever")
        assert gateway.stop() == 0
        assert held.result().status == 502


@pytest.mark.parametrize("number", SIGNALS)
def test_an_idle_gateway_stops_without_a_word_too_many(
    launch: Launcher, number: signal.Signals
) -> None:
    gateway = launch.gateway()
    for over in OVER:
        launch.worker(gateway, over)
    gateway.send(signal.SIGHUP)
    gateway.line("nothing to reload")
    assert fetch(gateway.port, "/run/1").status == 200
    assert gateway.stop(number) == 0
    assert silent_end(gateway)


# ---------------------------------------------------------------- the worker


@BOTH
def test_a_worker_that_is_stopped_finishes_what_it_holds(
    launch: Launcher, gateway: Gateway, over: str, number: signal.Signals
) -> None:
    worker = launch.worker(gateway, over)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/1")
        worker.line("holds 1")
        worker.send(number)
        worker.line("1 requests in progress")
        launch.release("1")
        assert held.result().body == b"held 1"
    assert worker.wait() == 0
    assert silent_end(worker)


@TWICE
def test_the_second_signal_stops_a_worker_at_once(
    launch: Launcher, gateway: Gateway, number: signal.Signals, status: int
) -> None:
    worker = launch.worker(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/for-ever", "POST")
        worker.line("holds for-ever")
        worker.send(number)
        worker.line("1 requests in progress")
        worker.send(number)
        assert worker.wait(seconds=2) == status
        assert held.result().status == 502
    assert silent_end(worker)


@pytest.mark.parametrize("over", OVER)
async def test_a_deploy_costs_no_request(launch: Launcher, gateway: Gateway, over: str) -> None:
    """The new worker is started, the old one is stopped; clients do not stop for it."""
    old = launch.worker(gateway, over)
    done = threading.Event()

    async def browse(number: int) -> int:
        count = 0
        async with connected(gateway.port) as client:
            while not done.is_set():
                await client.get(b"/run/%d-%d" % (number, count))
                response = await client.response()
                assert response.status == 200, response
                assert response.body.startswith(b"%d-%d " % (number, count))
                count += 1
        return count

    def deploy() -> int:
        old.line("ran", number=20)
        new = launch.worker(gateway, over)
        status = old.stop()
        count = sum("ran" in line for line in new.lines)
        new.line("ran", number=count + 20)
        done.set()
        return status

    clients = [asyncio.create_task(browse(number)) for number in range(8)]
    try:
        assert await asyncio.to_thread(deploy) == 0
    finally:
        done.set()
        answered = await asyncio.gather(*clients)
    assert all(answered)


# ---------------------------------------------------------------- other ways to start


def test_uvicorn_starts_everything(launch: Launcher) -> None:
    public, api, grpc = free_ports(3)
    server = launch.process(
        *(PYTHON, "-m", "uvicorn", "prack_grpc.app:app", "--http=prack_grpc.app:http"),
        f"--port={public}",
        env={"PRACK_API_PORT": str(api), "PRACK_GRPC_PORT": str(grpc)},
    )
    server.line("gRPC worker API on")
    assert until_answered(api, "/readyz").status == 200
    ways = f"grpc://127.0.0.1:{grpc}", f"prack://127.0.0.1:{api}", f"http://127.0.0.1:{api}"
    for url in ways:
        command = (PYTHON, "-m", "prack_worker", "tests.acceptance.probe:app", "--gateway", url)
        worker = launch.process(*command)
        worker.line("Connected to")
        assert until_answered(public, "/run/1").status == 200
        worker.kill()
    server.stop()
    assert silent_end(server)


def test_another_protocol_of_uvicorn_says_how_to_start(launch: Launcher) -> None:
    public, api, grpc = free_ports(3)
    server = launch.process(
        *(PYTHON, "-m", "uvicorn", "prack_grpc.app:app", "--port", str(public)),
        env={"PRACK_API_PORT": str(api), "PRACK_GRPC_PORT": str(grpc)},
    )
    server.line("gRPC worker API on")
    reply = until_answered(public, "/")
    assert reply.status == 500
    assert b"--http prack_grpc.app:http" in reply.body
    server.line("--http prack_grpc.app:http")
    server.stop()


def test_make_run(launch: Launcher) -> None:
    public, api, grpc = map(str, free_ports(3))
    ports = ("--port", public, "--api-port", api, "--grpc-port", grpc)
    demo = launch.process(PYTHON, "examples/run_demo.py", *ports)
    demo.line(f"curl http://127.0.0.1:{public}/hello")
    assert fetch(int(public), "/hello").body.startswith(b"Hello from worker")
    other = launch.process(PYTHON, "examples/run_demo.py", *ports)
    other.line(f"Port {public} is taken; .* ARGS='--port PORT'")
    assert other.wait() == 3
    assert demo.stop(signal.SIGINT) == 0
    assert silent_end(demo)


# A gateway in whose process something forks, as a library may.
FORKS = """
import os, signal, sys, threading, time
from prack_grpc.cli.main import main
def fork():
    child = os.fork()
    if not child:
        time.sleep(60)
    os.kill(child, signal.SIGTERM)
    print("child ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
threading.Timer(float(sys.argv.pop()), fork).start()
sys.exit(main(sys.argv[1:]))
"""


def test_signals_of_forked_children_do_not_reach_the_gateway(launch: Launcher) -> None:
    ports = ("--host", "127.0.0.1", "--port", "0", "--api-port", "0", "--grpc-port", "0")
    gateway = launch.process(PYTHON, "-c", FORKS, "serve", *ports, "2")
    port = int(gateway.line(r"REST worker API on http://[\d.]+:(\d+)")[1])
    gateway.line("child ended with -15")
    assert fetch(port, "/livez").status == 200
    assert gateway.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_for_the_gateways_group_finishes_what_is_held(
    launch: Launcher, number: signal.Signals
) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, gateway.port, "/hold/group")
        worker.line("holds group")
        os.killpg(gateway.popen.pid, number)
        gateway.line('"drain"')
        launch.release("group")
        assert held.result().status == 200
    assert gateway.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_for_the_demos_group_ends_worker_and_gateway_in_order(
    launch: Launcher, number: signal.Signals
) -> None:
    public, api, grpc = map(str, free_ports(3))
    ports = ("--port", public, "--api-port", api, "--grpc-port", grpc)
    demo = launch.process(PYTHON, "examples/run_demo.py", *ports)
    demo.line(f"curl http://127.0.0.1:{public}/hello")
    os.killpg(demo.popen.pid, number)
    assert demo.wait() == 0
    assert silent_end(demo)
