"""Nothing is held back on the way: each piece arrives before the next one is sent.

No clock is needed: sender and receiver wait for each other after each piece, so that a test in
which something is kept for later does not go on.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.processes import SECONDS, Gateway, connected, launching
from tests.differential.apps import APPS, BESIDE, host, start_worker
from tests.differential.corners import PACED
from tests.differential.row import request
from tests.support.client import RawClient

# Events, a page, the tokens of a model, lines, and something that no proxy should know.
TYPES = (
    "text/event-stream",
    "text/html",
    "text/plain; charset=utf-8",
    "application/x-ndjson",
    "application/octet-stream",
)
INTERFACES = "asgi", "wsgi"
WAYS = "prack", "rest", BESIDE
# gunicorn itself reads on until it has all that an application asks for.
UPLOADS = pytest.mark.parametrize(
    ("gateway", "app"),
    [("prack", "asgi"), ("prack", "wsgi"), (BESIDE, "asgi")],
    indirect=["gateway"],
)
# A declared body up to this size is read before it is queued (see docs/differences.md).
READ_AHEAD = 64 * 1024
PIECES = [b"%05d" % number for number in range(5)]


@pytest.fixture(scope="module", params=WAYS)
def gateway(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    """Both applications over a stream, over REST, and beside a worker."""
    with launching(tmp_path_factory.mktemp("pace")) as launcher:
        gateway = launcher.gateway()
        workers = [start_worker(launcher, gateway, name, request.param) for name in INTERFACES]
        for worker in workers:
            worker.line("Connected to")
        yield gateway


async def next_chunk(client: RawClient) -> bytes:
    """The next piece of a response."""
    async with asyncio.timeout(SECONDS):
        return await client.chunk()


@pytest.mark.parametrize("app", INTERFACES)
@pytest.mark.parametrize("content_type", TYPES)
async def test_each_piece_of_a_response_arrives_before_the_next_is_sent(
    gateway: Gateway, app: str, content_type: str
) -> None:
    port, name = gateway.port, host(app).encode()
    asked = content_type.replace("/", "-").partition(";")[0]
    async with connected(port) as client, connected(port) as acks:
        await client.send(request(f"/paced/{asked}/{content_type.replace(' ', '%20')}", host=name))
        head = await client.head()
        assert head.header(b"content-type") == content_type.encode()
        for piece in PACED:
            assert await next_chunk(client) == piece
            await acks.send(request(f"/ack/{asked}", host=name))
            assert (await acks.head()).status == 204
        assert await next_chunk(client) == b""


async def sent_back(client: RawClient, head: bytes, framed: bool) -> None:
    """Send a body, each piece only after the one before it came back."""
    await client.send(head)
    for piece in PIECES:
        await client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framed else piece)
        if piece is PIECES[0]:
            assert (await client.head()).status == 200
        assert await next_chunk(client) == piece


@UPLOADS
async def test_each_piece_of_a_chunked_upload_arrives_before_the_next_is_sent(
    gateway: Gateway, app: str
) -> None:
    async with connected(gateway.port) as client:
        fields = b"Transfer-Encoding: chunked"
        head = request("/mirror", fields, method="POST", host=host(app).encode())
        await sent_back(client, head, framed=True)
        await client.send(b"0\r\n\r\n")
        assert await next_chunk(client) == b""


@UPLOADS
async def test_each_piece_of_a_large_upload_arrives_before_the_next_is_sent(
    gateway: Gateway, app: str
) -> None:
    async with connected(gateway.port) as client:
        length = b"Content-Length: %d" % (READ_AHEAD + 5 * len(PIECES))
        head = request("/mirror", length, method="POST", host=host(app).encode())
        await sent_back(client, head, framed=False)
        await client.send(bytes(READ_AHEAD))
        received = 0
        while piece := await next_chunk(client):
            received += len(piece)
        assert received == READ_AHEAD


async def mirror(api_port: int) -> None:
    """A REST worker that sends back one body as it comes (docs/rest.md, raw messages)."""
    url = f"http://127.0.0.1:{api_port}/api/v1/requests"
    async with httpx2.AsyncClient(timeout=SECONDS) as api:
        request = await api.get(f"{url}/next", params={"wait": "10", "body": "separate"})
        exchange = f"{url}/{request.headers['prack-id']}"
        async with api.stream("GET", f"{exchange}/body") as body:
            answer = await api.post(f"{exchange}/response", content=body.aiter_raw())
        assert answer.status_code == 200, answer.text


async def test_a_rest_worker_can_stream_both_ways(tmp_path: Path) -> None:
    with launching(tmp_path) as launch:
        gateway = launch.gateway()
        worker = asyncio.create_task(mirror(gateway.api_port))
        async with connected(gateway.port) as client:
            head = request("/", b"Transfer-Encoding: chunked", method="POST", host=b"raw")
            await sent_back(client, head, framed=True)
            await client.send(b"0\r\n\r\n")
            assert await next_chunk(client) == b""
        await worker


async def test_an_app_that_never_answers_hears_that_nobody_waits(tmp_path: Path) -> None:
    with launching(tmp_path) as launch:
        gateway = launch.gateway("--head-timeout", "0.5")
        worker = launch.worker(gateway, app=APPS["asgi"].name)
        async with connected(gateway.port) as client:
            await client.get(b"/never")
            response = await client.response()
            assert (response.status, json.loads(response.body)["code"]) == (504, "deadline")
            worker.line("nobody waits any more")
            await client.get(b"/plain")
            assert (await client.response()).body == b"hello"
