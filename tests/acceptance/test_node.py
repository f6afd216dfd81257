"""Programs in Node behind a gateway: frameworks, pages, events, WebSockets."""

import gzip
import json
from functools import cache

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.processes import ROOT, STREAMS, Gateway, Launcher, Process, connected, fetch
from tests.support.tools import needed

LIBRARY = ROOT / "clients/node"
APPS = LIBRARY / "test/apps"
COMMAND = str(LIBRARY / "bin/prack-node.js")
LARGE = bytes(range(256)) * 1200

OVER = pytest.mark.parametrize("over", STREAMS)


@cache
def program() -> str:
    """Node, where the library's packages are installed."""
    if not (LIBRARY / "node_modules").is_dir():
        pytest.skip("make test-node installs what these applications need")
    return needed("node", "nodejs, 20.19 or newer")


def node(launch: Launcher, gateway: Gateway, over: str = "prack", **variables: str) -> Process:
    """The Express app with a worker of its own, which is connected."""
    env = {"PRACK_GATEWAY": gateway.url(over), **variables}
    worker = launch.process(program(), str(APPS / "express.js"), env=env)
    worker.line("Connected to")
    return worker


def command(launch: Launcher, gateway: Gateway, app: str, *flags: str) -> Process:
    """`prack-node` with an app, which is connected."""
    words = (COMMAND, str(APPS / app), "--gateway", gateway.url("prack"), *flags)
    worker = launch.process(program(), *words)
    worker.line("Connected to")
    return worker


def test_express(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = node(launch, gateway)
    fields = {"Content-Type": "application/json", "Accept": "application/json"}
    told = fetch(gateway.port, "/json", "POST", b'{"a": 1}', fields)
    assert json.loads(told.body) == {"got": {"a": 1}, "ip": "127.0.0.1", "protocol": "http"}
    assert fetch(gateway.port, "/json", "POST", b'{"a"', fields).status == 400
    assert fetch(gateway.port, "/none").status == 404
    lines = fetch(gateway.port, "/lines")
    assert gzip.decompress(lines.body).split() == [b"%d" % number for number in range(1000)]
    part = fetch(gateway.port, "/file", headers={"Range": "bytes=2-5"})
    assert (part.status, part.body) == (206, (LIBRARY / "README.md").read_bytes()[2:6])
    known = {"If-None-Match": part.header("etag")}
    assert fetch(gateway.port, "/file", headers=known).status == 304
    assert fetch(gateway.port, "/fail").status == 500
    assert fetch(gateway.port, "/run/x", "HEAD").header("content-length")
    assert worker.stop() == 0


def test_an_upload(launch: Launcher) -> None:
    gateway = launch.gateway()
    node(launch, gateway)
    reply = fetch(gateway.port, "/upload", "POST", iter([bytes(100_000)] * 30))
    assert (reply.status, reply.body) == (200, b"3000000\n")


async def test_events_come_as_they_are_sent_until_the_client_leaves(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = node(launch, gateway)
    async with connected(gateway.port) as client:
        await client.get(b"/events")
        assert (await client.head()).status == 200
        for number in (1, 2, 3):
            assert b"data: %d\n" % number in await client.reader.readuntil(b"\n\n")
    worker.line("the reader of the events has left")


@OVER
async def test_websockets_until_the_worker_stops(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    worker = node(launch, gateway, over)
    async with connect(f"ws://127.0.0.1:{gateway.port}/ws", proxy=None) as socket:
        assert socket.response is not None
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        for message in ("h\u00e9llo", LARGE):
            await socket.send(message)
            assert await socket.recv() == message
        worker.popen.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert worker.wait() == 0


def test_fastify(launch: Launcher) -> None:
    gateway = launch.gateway()
    worker = command(launch, gateway, "fastify.js")
    fields = {"Content-Type": "application/json"}
    told = fetch(gateway.port, "/hello", "POST", b'{"name": "you"}', fields)
    assert json.loads(told.body) == {"hello": "you"}
    assert fetch(gateway.port, "/hello", "POST", b"{}", fields).status == 400
    assert worker.stop() == 0


def test_a_handler_of_the_web(launch: Launcher) -> None:
    gateway = launch.gateway()
    command(launch, gateway, "fetch.js", "--route", "POST /in")
    assert fetch(gateway.port, "/in/a?b", "POST", b"body").body == b"POST /in/a body\n"


def test_pages_of_sveltekit(launch: Launcher) -> None:
    gateway = launch.gateway()
    command(launch, gateway, "sveltekit/server.js")
    page = fetch(gateway.port, "/?name=you")
    assert page.status == 200
    assert b"Hello you" in page.body
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    assert b"You ordered tea" in fetch(gateway.port, "/", "POST", b"what=tea", form).body
    script = page.body.partition(b'import("')[2].partition(b'"')[0].decode().lstrip(".")
    assert fetch(gateway.port, script).header("content-type") == "text/javascript"


def test_socketio_polls_and_upgrades(launch: Launcher) -> None:
    gateway = launch.gateway()
    command(launch, gateway, "socketio.js")
    url = f"http://127.0.0.1:{gateway.port}"
    client = launch.process(program(), str(APPS / "socketio-client.js"), url)
    client.line("over polling, over a WebSocket, websocket")
    assert client.wait() == 0


def test_an_idle_worker_stops_at_once(launch: Launcher) -> None:
    worker = command(launch, launch.gateway(), "fastify.js")
    assert worker.stop() == 0
    assert "0 requests in progress" in "\n".join(worker.lines)
