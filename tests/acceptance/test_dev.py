"""An application while it is written: `prack dev`, and the worker that reloads."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.acceptance.processes import (
    OVER,
    PYTHON,
    ROOT,
    SECONDS,
    Launcher,
    Process,
    Reply,
    environment,
    fetch,
)

ASGI = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "http"
    print("began", scope["path"])
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    if scope["path"] == "/{number}/never":
        await asyncio.Event().wait()
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{number}"}})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"{number}"]
"""
BROWSER = {"accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the application is, beside nothing else."""
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Saves the application with this number, or this text."""

    def write(text: str, number: int = 0) -> None:
        new = folder / "main.new"
        new.write_text(text.format(number=number) if number else text)
        new.replace(folder / "main.py")  # nobody sees a half of it

    return write


def started(launch: Launcher, folder: Path, *words: str) -> tuple[Process, int]:
    """`prack dev` of the application, and the port where it is."""
    command = "dev", "main:app", "--app-dir", str(folder), "--port", "0", *words
    process = launch.process(PYTHON, "-m", "prack_grpc", *command)
    return process, int(process.line(r"main:app is at http://127.0.0.1:(\d+)/")[1])


def until(port: int, status: int, body: bytes) -> Reply:
    """Ask as a browser until the answer is this."""
    deadline = time.monotonic() + SECONDS
    while True:
        reply = fetch(port, "/", headers=BROWSER)
        if reply.status == status and body in reply.body:
            return reply
        assert time.monotonic() < deadline, reply


@pytest.mark.parametrize("app", [ASGI, WSGI], ids=["asgi", "wsgi"])
def test_what_is_saved_is_served(
    launch: Launcher, folder: Path, write: Callable[..., None], app: str
) -> None:
    write(app, 1)
    process, port = started(launch, folder)
    assert fetch(port, "/").body == b"1"
    answers: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(fetch(port, "/").status)

    client = threading.Thread(target=ask)
    client.start()
    try:
        for number in (2, 3):
            write(app, number)
            until(port, 200, str(number).encode())
    finally:
        over.set()
        client.join()
    assert set(answers) == {200}  # they waited, and none failed
    process.line(r"\d gateway GET / 200 \d+ ms$")
    process.line(r"\d INFO reload: Changed: main.py; starting again$")
    process.line(r"\d INFO app: Running main:app")
    assert process.stop(signal.SIGINT) == 0


def test_the_browser_shows_why_it_does_not_start(
    launch: Launcher, folder: Path, write: Callable[..., None]
) -> None:
    process, port = started(launch, folder)
    until(port, 500, b"no module &quot;main&quot;: it is neither in ")
    write("app = '<b>' +\n")
    page = until(port, 500, b"SyntaxError")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert b"&lt;b&gt;" in page.body
    text = fetch(port, "/", method="POST", body=b"{}")
    assert text.status == 500
    assert text.body.startswith(b"main:app does not run\n\n  File ")
    write(ASGI, 1)
    until(port, 200, b"1")
    assert sum("SyntaxError" in line for line in process.lines) == 1  # in the terminal
    write("import nothing_of_that_name\n")
    until(port, 500, b"No module named &#x27;nothing_of_that_name&#x27;")
    write("import sys; sys.exit(7)\n")
    until(port, 500, b"exit status 7")
    write("App = 1\n")
    until(port, 500, b"has no attribute")
    write(FAILING)
    until(port, 500, b"the database is away")
    write(ASGI, 2)
    until(port, 200, b"2")
    assert process.stop(signal.SIGINT) == 0


FAILING = """
async def app(scope, receive, send):
    await receive()
    message = "Traceback\\nOSError: the database is away"
    await send({"type": "lifespan.startup.failed", "message": message})
"""


def test_requests_in_progress_are_finished_or_go_to_the_new_one(
    launch: Launcher, folder: Path, write: Callable[..., None]
) -> None:
    write(ASGI, 1)
    process, port = started(launch, folder)
    replies: dict[str, bytes] = {}

    def ask(target: str) -> None:
        replies[target] = fetch(port, target).body

    clients = [threading.Thread(target=ask, args=(target,)) for target in ("/slow", "/1/never")]
    for client in clients:
        client.start()
    process.line("began /slow")
    process.line("began /1/never")
    write(ASGI, 2)
    for client in clients:
        client.join(SECONDS)
    assert replies["/slow"] in (b"1", b"2")  # on a busy machine it takes more than a second
    assert replies["/1/never"] == b"2"


@pytest.mark.parametrize(
    ("app", "number"),
    [
        (ASGI, signal.SIGINT),
        (ASGI, signal.SIGKILL),
        ("1 / 0\n", signal.SIGTERM),
        ("1 / 0\n", signal.SIGKILL),
    ],
    ids=["asked", "killed", "asked with a page", "killed with a page"],
)
def test_nothing_is_left(
    launch: Launcher,
    folder: Path,
    write: Callable[..., None],
    app: str,
    number: signal.Signals,
) -> None:
    write(app, 1)
    process, port = started(launch, folder)
    fetch(port, "/")
    started_by_it = psutil.Process(process.popen.pid).children(recursive=True)
    assert len(started_by_it) == (2 if app == ASGI else 1)
    if number is signal.SIGINT:
        os.killpg(process.popen.pid, number)  # as a terminal does
    else:
        process.send(number)
    assert process.wait() == (137 if number is signal.SIGKILL else 0)
    _, alive = psutil.wait_procs(started_by_it, SECONDS)
    assert not alive


def test_a_request_that_hangs_does_not_keep_it(
    launch: Launcher, folder: Path, write: Callable[..., None]
) -> None:
    write(ASGI, 1)
    process, port = started(launch, folder)
    client = threading.Thread(target=fetch, args=(port, "/1/never"))
    client.start()
    process.line("began /1/never")
    assert process.stop(signal.SIGINT) == 0
    client.join(SECONDS)


DEBUGGED = """
def app(environ, start_response):
    answer = "1"
    breakpoint()
    start_response("200 OK", [])
    return [answer.encode()]
"""


def test_a_debugger_hears_what_is_typed(folder: Path, write: Callable[..., None]) -> None:
    write(DEBUGGED)
    command = "dev", "main:app", "--app-dir", str(folder), "--port", "0"
    with subprocess.Popen(
        (PYTHON, "-m", "prack_grpc", *command),
        cwd=ROOT,
        env=environment(None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            where = re.search(r":(\d+)/", process.stdout.readline())
            assert where is not None
            process.stdin.write("answer = '2'\nc\n")
            process.stdin.flush()
            assert fetch(int(where[1]), "/").body == b"2"
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)


def test_a_mistake_in_the_workers_flags_ends_it(launch: Launcher, folder: Path) -> None:
    process, _ = started(launch, folder, "--slots", "0")
    assert process.wait() == 2
    process.line('prack-worker: --slots "0": expected a whole number')


def test_what_is_no_mistake_of_the_application_ends_it(launch: Launcher, folder: Path) -> None:
    command = "main:app", "--app-dir", str(folder), "--reload", "--gateway", "pracks://127.0.0.1:1"
    process = launch.process(PYTHON, "-m", "prack_worker", *command, "--tls-ca", "/nowhere.pem")
    assert process.wait() == 2
    process.line("prack-worker: --tls-ca: No such file")


def test_what_is_missing_is_named(launch: Launcher, folder: Path) -> None:
    (folder / "watchfiles.py").write_text("raise ImportError\n")
    env = {"PYTHONPATH": str(folder)}
    command = "main:app", "--app-dir", str(folder), "--reload"
    process = launch.process(PYTHON, "-m", "prack_worker", *command, env=env)
    assert process.wait() == 2
    process.line(r"watchfiles is not installed: pip install 'prack-worker\[reload\]'")


def test_a_port_that_is_taken_is_named(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = str(sock.getsockname()[1])
        process = launch.process(PYTHON, "-m", "prack_grpc", "dev", "main:app", "--port", port)
        assert process.wait() == 3
    process.line(f"prack: cannot listen on 127.0.0.1:{port}.*--port")


@pytest.mark.parametrize("over", OVER[1:])
def test_a_worker_reloads_over_its_other_ways(
    launch: Launcher, folder: Path, write: Callable[..., None], over: str
) -> None:
    gateway = launch.gateway()
    write("1 / 0\n")
    (folder / "page.html").write_text("1\n")
    flags = "--reload", "--reload-include", "*.html", "--app-dir", str(folder)
    worker = launch.worker(gateway, over, *flags, app="main:app")
    until(gateway.port, 500, b"ZeroDivisionError")
    write(ASGI, 1)
    until(gateway.port, 200, b"1")
    (folder / "page.html").write_text("2\n")
    worker.line("Changed: page.html")
    until(gateway.port, 200, b"1")
    assert worker.stop(signal.SIGTERM) == 0
