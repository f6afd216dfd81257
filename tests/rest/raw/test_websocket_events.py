"""Batches of WebSocket events as REST workers see them, and the example worker."""

import base64
import dataclasses
import secrets
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect as open_websocket

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.http.message import Headers, Kind, Request
from tests.acceptance.processes import PYTHON, Gateway, Launcher, fetch, launching
from tests.rest.conftest import Api, answer

MEDIA = "application/websocket-events"
SCRIPT = "examples/workers/websocket_echo.py"
FIELDS: Headers = [(b"content-type", MEDIA.encode()), (b"connection-id", b"c1")]


def submit(api: Api, body: bytes = b"TEXT 2\r\nhi\r\n", kind: Kind = Kind.EVENTS) -> Ticket:
    """A batch of an open WebSocket, or what looks like one."""
    headers = [*FIELDS, (b"content-length", b"%d" % len(body))]
    client = ("192.0.2.7", 1234)
    about = (b"POST", b"http", b"test", b"/ws?a=1", b"1.1", headers, client, len(body))
    request = Request(*about, kind=kind, id=secrets.token_hex(16))
    return api.broker.submit(request, body, True)


def handshake(api: Api) -> Ticket:
    """A WebSocket that is being opened."""
    fields: Headers = []
    about = (b"GET", b"http", b"test", b"/ws", b"1.1", fields, ("192.0.2.7", 1234), -1)
    request = Request(*about, id=secrets.token_hex(16))
    opening = dataclasses.replace(request, method=b"POST", kind=Kind.EVENTS, body_length=6)
    asked = dataclasses.replace(request, kind=Kind.WEBSOCKET, opening=(opening, b"OPEN\r\n"))
    return api.broker.submit(asked, b"", False)


async def test_only_polls_that_ask_get_batches(api: Api) -> None:
    tickets = [submit(api), handshake(api)]
    for query in ("wait=0", "wait=0&max=9"):
        response = await api.http.get(f"/api/v1/request?{query}")
        assert not response.json().get("requests")
    assert (await api.http.get("/api/v1/requests/next?wait=0")).status_code == 204
    found = await api.http.get("/api/v1/request?wait=0&max=9&websockets=events")
    assert len(found.json()["requests"]) == len(tickets)


@pytest.mark.parametrize("value", ["", "stream", "true"])
async def test_there_is_one_way_to_ask(api: Api, value: str) -> None:
    for path in ("request", "requests/next"):
        response = await api.http.get(f"/api/v1/{path}", params={"websockets": value})
        assert (response.status_code, response.json()["field"]) == (400, "websockets")
    response = await api.http.post("/api/v1/exchange", json={"websockets": value})
    assert (response.status_code, response.json()["field"]) == (400, "websockets")


async def test_a_batch_in_json(api: Api) -> None:
    ticket = submit(api)
    request = await api.pull(websockets="events")
    environment = request["environment"]
    assert environment["prack.websocket"] == "events"
    assert (environment["REQUEST_METHOD"], environment["PATH_INFO"]) == ("POST", "/ws")
    assert (environment["CONTENT_TYPE"], environment["HTTP_CONNECTION_ID"]) == (MEDIA, "c1")
    assert base64.b64decode(environment["body"]) == b"TEXT 2\r\nhi\r\n"
    await api.answer(answer(request["identifier"], b"TEXT 2\r\nho\r\n"))
    assert (await ticket.head()).body == b"TEXT 2\r\nho\r\n"


async def test_a_handshake_in_an_exchange(api: Api) -> None:
    ticket = handshake(api)
    response = await api.http.post("/api/v1/exchange", json={"websockets": "events", "wait": 5})
    (request,) = response.json()["requests"]
    assert request["environment"]["prack.websocket"] == "events"
    assert base64.b64decode(request["environment"]["body"]) == b"OPEN\r\n"
    assert ticket.assignment is not None
    assert ticket.assignment.request.kind is Kind.EVENTS


async def test_a_batch_as_it_is(api: Api) -> None:
    ticket = submit(api)
    response = await api.http.get("/api/v1/requests/next?websockets=events&wait=5")
    assert response.headers["prack-websocket"] == "events"
    head, _, body = response.content.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ws?a=1 HTTP/1.1\r\n")
    assert body == b"TEXT 2\r\nhi\r\n"
    headers = {"Prack-Header-Content-Type": MEDIA, "Prack-Header-Set-Meta-Seen": "1"}
    url = f"/api/v1/requests/{response.headers['prack-id']}/response"
    await api.http.post(url, content=b"TEXT 2\r\nho\r\n", headers=headers)
    assert (b"set-meta-seen", b"1") in (await ticket.head()).headers


async def test_what_only_looks_like_a_batch_has_no_mark(api: Api) -> None:
    submit(api, kind=Kind.HTTP)
    request = await api.pull(websockets="events")
    assert "prack.websocket" not in request["environment"]
    submit(api, kind=Kind.HTTP)
    response = await api.http.get("/api/v1/requests/next?websockets=events&wait=5")
    assert "prack-websocket" not in response.headers


# ---------------------------------------------------------------- the example


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    with launching(tmp_path_factory.mktemp("processes")) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def gateway(launcher: Launcher) -> Gateway:
    """A gateway with two copies of the example."""
    gateway = launcher.gateway()
    for _ in range(2):
        launcher.process(PYTHON, SCRIPT, gateway.url("rest"))
    return gateway


async def test_the_example_serves_websockets(gateway: Gateway) -> None:
    url = f"ws://127.0.0.1:{gateway.port}/any"
    async with open_websocket(url, proxy=None) as first, open_websocket(url, proxy=None) as second:
        for number in range(1, 6):
            await first.send("hällo")
            await second.send(b"\xff")
            assert await first.recv() == f"{number}: hällo"
            assert await second.recv() == b"%d: \xff" % number
        for client in (first, second):
            await client.send("one")
            await client.send("two")
            assert [await client.recv(), await client.recv()] == ["6: one", "7: two"]


def test_the_example_says_what_else_it_is_for(gateway: Gateway) -> None:
    forged = {"Content-Type": MEDIA, "Meta-Number": "9"}
    reply = fetch(gateway.port, "/any", "POST", headers=forged, body=b"OPEN\r\n")
    assert (reply.status, reply.body) == (426, b"Use a WebSocket\n")
