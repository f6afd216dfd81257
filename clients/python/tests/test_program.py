"""`run` in a program: the command's settings by their names, and what is left when it returns."""

import asyncio
import os
import signal
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from fake_gateway import FakeGateway, PlainGateway

import prack_worker
from prack.v1 import worker_pb2 as pb
from prack_worker.settings.options import OPTIONS

PROGRAM = """
import os, signal, sys, threading
import prack_worker

def app(environ, start_response):
    start_response("200 OK", [])
    return [os.environ["GREETING"].encode()]

def asked():
    return signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

before = asked()
url = sys.argv[1]
prack_worker.run(app, gateway=url, slots=3, service="shop", route=["/a", "GET /b"], grace=2,
                 access_log=True, env_file=[".env"])
for thread in threading.enumerate():  # those that would have ended a process that hangs
    if isinstance(thread, threading.Timer):
        thread.join()
assert asked() == before
prack_worker.run("again:app", gateway=[url])
print("and on")
"""
AGAIN = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"again"})
"""
# For applications that are no Python objects, and for several processes, or one after the other.
OF_THE_COMMAND = {
    "proxy", "ready", "restart",
    "reload", "reload_dir", "reload_include",
    "processes", "preload", "max_requests", "max_requests_jitter", "max_lifetime",
}  # fmt: skip


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with PlainGateway.running() as gateway:
        yield gateway


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Is never called."""
    return []


async def test_it_runs_until_it_is_stopped_and_the_program_goes_on(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "again.py").write_text(AGAIN)
    (tmp_path / ".env").write_text("GREETING=hello\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", gateway.url,
        cwd=tmp_path, stdout=PIPE, stderr=PIPE, env=os.environ | {"PRACK_TIER": "2"},
    )  # fmt: skip
    try:
        hellos = [await one_run(gateway, process, body) for body in (b"hello", b"again")]
        stdout, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert (process.returncode, stdout) == (0, b"and on\n"), stderr.decode()
    assert (hellos[0].capacity.max_in_flight, hellos[0].service, hellos[0].tier) == (3, "shop", 2)
    assert [one.path for one in hellos[0].routes] == ["/a", "/b"]
    assert hellos[1].capacity.max_in_flight == 64
    assert stderr.count(b'"GET /') == 1


async def one_run(
    gateway: FakeGateway, process: asyncio.subprocess.Process, body: bytes
) -> pb.Hello:
    """One request, then a stop; what the worker said of itself."""
    stream = await gateway.welcomed()
    await stream.request()
    frame = await stream.frame()
    assert frame is not None
    assert frame.heads[0].body == body
    process.send_signal(signal.SIGTERM)
    frame = await stream.frame()
    assert frame is not None
    assert frame.HasField("drain")
    await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=1))
    assert await stream.frame() is None
    return stream.hello


def test_options_are_the_flags() -> None:
    flags = {option.name for option in OPTIONS if option.flag}
    assert set(prack_worker.Options.__annotations__) == flags - OF_THE_COMMAND | {"token"}


def test_wrong_options_are_called_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRACK_GRACE", "x")
    with pytest.raises(prack_worker.UsageError) as raised:
        prack_worker.run(app, slots=0, factory=False, app_version=None)
    assert str(raised.value).splitlines() == [
        'slots "0": expected a whole number from 1 to 10000',
        'PRACK_GRACE "x": expected seconds from 0 to 86400',
    ]


def test_what_is_no_option_is_a_mistake() -> None:
    of_another: Any = {"workers": 4, "port": 8000}
    with pytest.raises(TypeError, match=r"run\(\) has no option port, workers"):
        prack_worker.run(app, **of_another)


def test_it_belongs_into_the_main_thread() -> None:
    said: list[str] = []

    def try_it() -> None:
        try:
            prack_worker.run(app)
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert said == ["run() handles signals: call it in the main thread"]


async def test_it_does_not_block_a_loop() -> None:
    with pytest.raises(RuntimeError, match="inside of an event loop, use `async with Worker"):
        prack_worker.run(app)
