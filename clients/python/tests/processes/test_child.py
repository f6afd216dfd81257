"""A process that runs the command, and what it says to who has started it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fake_gateway import FakeGateway

from prack.v1 import worker_pb2 as pb
from prack_worker.processes.child import Child, Children

APPS = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]

async def unwilling(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "Traceback\\n  deep\\nno database"})
"""
Start = Callable[..., Awaitable[Child]]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts a child with these words."""
    (tmp_path / "apps.py").write_text(APPS)
    (tmp_path / "broken.py").write_text("def fail():\n    1 / 0\nfail()\n")
    monkeypatch.chdir(tmp_path)
    started = []

    async def start(*words: str) -> Child:
        children = Children([sys.executable, "-m", "prack_worker", *words])
        child = await children.start("shop-1")
        started.append(child)
        return child

    yield start
    for child in started:
        child.signal(signal.SIGKILL)
        await child.ended


async def test_it_says_that_a_gateway_has_welcomed_it(start: Start, gateway: FakeGateway) -> None:
    child = await start("apps:app", "--gateway", gateway.url, "--slots", "3")
    stream = await gateway.stream()
    assert "-shop-1-" in stream.hello.worker_id
    assert not child.ready.done()
    await stream.welcome()
    assert await child.ready
    assert child.slots == 3
    child.signal(signal.SIGTERM)
    while (frame := await stream.frame()) is not None and not frame.HasField("drain"):
        pass
    await stream.send(goaway=pb.Goaway(drain_ack=True))
    assert await child.ended == 0


@pytest.mark.parametrize(
    ("app", "status", "said"),
    [
        ("broken:app", 1, ["Traceback", 'broken.py", line 2, in fail', "ZeroDivisionError"]),
        ("nowhere:app", 1, ['no module "nowhere"']),
        ("apps:unwilling", 3, ["Traceback\n  deep\nno database"]),
    ],
)
async def test_it_says_why_its_application_does_not_start(
    start: Start, capfd: pytest.CaptureFixture[str], app: str, status: int, said: list[str]
) -> None:
    child = await start(app)
    assert not await child.ready
    assert await child.ended == status
    assert all(part in child.failure for part in said)
    assert "Error" not in capfd.readouterr().err  # the parent says it, once


async def test_one_that_is_killed_has_ended(start: Start, gateway: FakeGateway) -> None:
    child = await start("apps:app", "--gateway", gateway.url)
    await gateway.welcomed()
    assert await child.ready
    child.signal(signal.SIGKILL)
    assert await child.ended == 137
    child.signal(signal.SIGTERM)  # of nobody else


PARENT = """
import asyncio, sys
from prack_worker.processes.child import Children
async def main():
    child = await Children(sys.argv[1:]).start("shop-1")
    print(child.pid, flush=True)
    await child.ended
asyncio.run(main())
"""


async def test_it_drains_when_its_parent_is_gone(start: Start, gateway: FakeGateway) -> None:
    words = ("-m", "prack_worker", "apps:app", "--gateway", gateway.url)
    command = (sys.executable, "-c", PARENT, sys.executable, *words)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        try:
            stream = await gateway.welcomed()
            parent.kill()
            while (frame := await stream.frame()) is not None and not frame.HasField("drain"):
                pass
            await stream.send(goaway=pb.Goaway(drain_ack=True))
            assert await stream.frame() is None
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
