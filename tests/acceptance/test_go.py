"""Programs in Go behind a gateway: a router, events, libraries of WebSockets."""

import gzip
import subprocess
from functools import cache
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.processes import ROOT, STREAMS, Gateway, Launcher, Process, connected, fetch
from tests.support.tools import needed

EXAMPLES = ROOT / "clients/go/examples"
BUILD_SECONDS = 300.0  # where nothing is compiled yet
OVER = pytest.mark.parametrize("over", STREAMS)
LIBRARY = pytest.mark.parametrize("library", ["gorilla", "coder"])
LARGE = bytes(range(256)) * 1200

pytestmark = pytest.mark.timeout(BUILD_SECONDS)


@cache
def program() -> Path:
    """The applications of clients/go/examples/apps, which tell of data races."""
    go = needed("go", "golang, 1.24 or newer")
    path = ROOT / "build/go/apps"
    subprocess.run(
        [go, "build", "-race", "-buildvcs=false", "-o", path, "./apps"],
        cwd=EXAMPLES,
        timeout=BUILD_SECONDS,
        check=True,
    )
    return path


def go(launch: Launcher, gateway: Gateway, over: str = "prack", **variables: str) -> Process:
    """Such a worker, which is connected."""
    env = {"PRACK_GATEWAY": gateway.url(over), **variables}
    worker = launch.process(str(program()), env=env)
    worker.line("Connected to")
    return worker


@OVER
async def test_events_come_as_they_are_sent_until_the_client_leaves(
    launch: Launcher, over: str
) -> None:
    gateway = launch.gateway()
    worker = go(launch, gateway, over)
    async with connected(gateway.port) as client:
        await client.get(b"/events")
        assert (await client.head()).status == 200
        for number in (1, 2, 3):
            assert b"data: %d\n" % number in await client.reader.readuntil(b"\n\n")
    worker.line("the reader of the events has left")


@OVER
def test_a_router_with_middleware(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    go(launch, gateway, over)
    lines = fetch(gateway.port, "/lines", headers={"Accept-Encoding": "gzip"})
    assert lines.header("content-encoding") == "gzip"
    assert gzip.decompress(lines.body).split() == [b"%d" % number for number in range(1000)]
    assert fetch(gateway.port, "/none").status == 404
    part = fetch(gateway.port, "/file", headers={"Range": "bytes=2-5"})
    assert (part.status, part.body) == (206, (ROOT / "README.md").read_bytes()[2:6])


@OVER
def test_an_upload(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    go(launch, gateway, over)
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    body = [form, *[bytes(100_000)] * 30, b"\r\n--b--\r\n"]
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    reply = fetch(gateway.port, "/upload", "POST", iter(body), kind)
    assert (reply.status, reply.body) == (200, b"a.bin 3000000\n")


@OVER
@LIBRARY
async def test_websockets_of_a_library(launch: Launcher, over: str, library: str) -> None:
    gateway = launch.gateway()
    go(launch, gateway, over)
    async with connect(f"ws://127.0.0.1:{gateway.port}/{library}", proxy=None) as socket:
        assert socket.response is not None
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        for message in ("h\u00e9llo", LARGE):
            await socket.send(message)
            assert await socket.recv() == message
    assert fetch(gateway.port, "/run/after").status == 200


async def test_websockets_are_told_to_come_again_when_the_worker_stops(
    launch: Launcher,
) -> None:
    gateway = launch.gateway()
    worker = go(launch, gateway)
    async with connect(f"ws://127.0.0.1:{gateway.port}/gorilla", proxy=None) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert worker.popen.poll() is None
        worker.popen.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert worker.wait() == 0


def test_an_idle_worker_stops_at_once(launch: Launcher) -> None:
    worker = go(launch, launch.gateway())
    assert worker.stop() == 0
    assert "0 requests in progress" in "\n".join(worker.lines)
