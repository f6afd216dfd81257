"""Hot endpoints: found in a table, begun without a task, and the same as on the long way."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Scope

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.http.message import Headers
from prack_grpc.private.eager import Watcher
from prack_grpc.rest.app import PATHS, RAW_PATHS
from tests.rest.conftest import Api, Start, until
from tests.support.client import Response

HOST = (b"host", b"localhost")
BEARER = (b"authorization", b"Bearer 0123456789abcdef0123456789abcdef")


class Worker:
    """Implements `eager.Connection`, and keeps what it is asked for."""

    def __init__(self) -> None:
        self.said: list[tuple[int, bytes]] = []
        self.tasks: list[ASGIApp] = []

    def watch(self, watcher: Watcher) -> None:
        """See Connection."""

    def unwatch(self, watcher: Watcher) -> None:
        """See Connection."""

    def reply(self) -> "Worker":
        """See Connection."""
        return self

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """See Reply."""
        self.said.append((status, body))

    def run(self, app: ASGIApp) -> None:
        """See Connection."""
        self.tasks.append(app)

    async def finish(self) -> None:
        """Run what was left to a task."""

        async def none(*_: Any) -> Any:
            raise AssertionError("nothing is received or sent piece by piece")

        for app in self.tasks:
            await app({}, none, none)

    def call(self, path: str, query: bytes = b"", *, method: str = "GET") -> Scope:
        """A call on this connection."""
        return {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [HOST],
            "client": ("127.0.0.1", 4711),
            "extensions": {"prack": {"connection": self}},
        }


async def test_the_table_has_the_endpoints_that_are_described(api: Api) -> None:
    schema = api.app.openapi()
    described = {
        (method.upper(), path) for path, item in schema["paths"].items() for method in item
    }
    hot = {(method, f"/api/v1/{path}") for method, path, _ in (*PATHS, *RAW_PATHS)}
    assert hot <= described
    for method, path in described:
        call = Worker().call(path.replace("{identifier}", "x.1"), method=method)
        assert (api.app.table.find(call) is not None) == ((method, path) in hot)
        assert call["path_params"] in ({}, {"identifier": "x.1"})


@pytest.mark.parametrize("identifier", ["{identifier}", "%7Bidentifier%7D", "next", "a%20b"])
async def test_any_name_is_an_identifier(api: Api, identifier: str) -> None:
    for _ in range(2):
        response = await api.http.post(f"/api/v1/requests/{identifier}/release")
        assert (response.status_code, response.json()["code"]) == (404, "unknown_request")


@pytest.mark.parametrize("path", ["requests//release", "requests/", "dead/x"])
async def test_what_has_no_endpoint_is_not_found(api: Api, path: str) -> None:
    for _ in range(2):
        assert (await api.http.post(f"/api/v1/{path}")).json()["code"] == "not_found"


async def test_a_caller_who_was_not_seen_before_goes_the_long_way(api: Api) -> None:
    worker, ticket = Worker(), api.submit()
    assert not api.app.begin(worker.call("/api/v1/request"), b"", worker)
    assert (worker.said, worker.tasks, api.lease(ticket)) == ([], [], None)


async def test_what_need_not_wait_needs_no_task(api: Api) -> None:
    await api.http.get("/livez", headers={"Host": "localhost"})
    worker, ticket = Worker(), api.submit()
    assert api.app.begin(worker.call("/api/v1/requests/next"), b"", worker)
    assert (worker.tasks, worker.said[0][0]) == ([], 200)
    lease = api.lease(ticket)
    assert lease is not None
    path = f"/api/v1/requests/{lease.assignment.identifier}/response"
    assert api.app.begin(worker.call(path, method="POST"), b"hello", worker)
    assert (worker.tasks, worker.said[1][0]) == ([], 200)
    assert (await ticket.head()).body == b"hello"


async def test_a_poll_that_waits_needs_no_task(api: Api) -> None:
    await api.http.get("/livez", headers={"Host": "localhost"})
    worker = Worker()
    assert api.app.begin(worker.call("/api/v1/request", b"wait=10"), b"", worker)
    await api.parked(1)
    assert worker.said == []
    api.submit()
    await until(lambda: bool(worker.said))
    assert (worker.tasks, worker.said[0][0]) == ([], 200)


class Upload:
    """Implements `eager.Upload`: a body of which nothing is here yet."""

    def __init__(self) -> None:
        self._pieces: list[tuple[bytes, bool]] = []
        self._changes: list[Callable[[], None]] = []

    @property
    def is_here(self) -> bool:
        """See Upload."""
        return bool(self._pieces)

    def tell(self, change: Callable[[], None]) -> None:
        """See Upload."""
        self._changes.append(change)

    async def receive(self) -> Message:
        """See Upload."""
        body, more = self._pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    def bring(self, body: bytes, more: bool = False) -> None:
        """A piece comes."""
        self._pieces.append((body, more))
        for change in self._changes:
            change()


async def answering(api: Api, worker: Worker, *, raw: bool) -> tuple[Upload, Ticket]:
    """A call that answers a request has begun, but for its body of 5 bytes."""
    await api.http.get("/livez", headers={"Host": "localhost"})
    ticket, upload = api.submit(), Upload()
    path = f"/api/v1/requests/{await api.identifier()}/{'response' if raw else 'release'}"
    call = worker.call(path, method="POST")
    call["headers"] = [HOST, (b"content-length", b"5")]
    assert api.app.begin_early(call, upload, worker)
    assert (worker.tasks, worker.said) == ([], [])
    return upload, ticket


async def test_an_answer_whose_body_comes_later_needs_no_task(api: Api) -> None:
    worker = Worker()
    upload, ticket = await answering(api, worker, raw=True)
    upload.bring(b"hello")
    assert (await ticket.head()).body == b"hello"
    await until(lambda: bool(worker.said))
    assert (worker.tasks, worker.said[0][0]) == ([], 200)


async def test_an_answer_that_comes_in_pieces_goes_on_in_a_task(api: Api) -> None:
    worker = Worker()
    upload, ticket = await answering(api, worker, raw=True)
    upload.bring(b"he", more=True)
    await until(lambda: bool(worker.tasks))
    upload.bring(b"llo")
    await worker.finish()
    assert (await ticket.head()).status == 200
    assert worker.said[0][0] == 200
    assert await ticket.chunk() == b"hello"


async def test_json_that_comes_later_needs_no_task(api: Api) -> None:
    worker = Worker()
    upload, ticket = await answering(api, worker, raw=False)
    upload.bring(b"{", more=True)
    upload.bring(b"   }")
    await until(lambda: bool(worker.said))
    assert (worker.tasks, worker.said[0][0], api.lease(ticket)) == ([], 200, None)


CALLS = [
    (b"GET", b"/api/v1/request?wait=0", b""),
    (b"GET", b"/api/v1/request?wait=x", b""),
    (b"GET", b"/api/v1/requests/next?wait=0", b""),
    (b"GET", b"/api/v1/requests/next?body=no", b""),
    (b"GET", b"/api/v1/requests/x.1", b""),
    (b"GET", b"/api/v1/requests/x.1/body", b""),
    (b"PUT", b"/api/v1/request", b""),
    (b"POST", b"/api/v1/response", b"{"),
    (b"POST", b"/api/v1/response", b'{"identifier": "x.1", "code": 200}'),
    (b"POST", b"/api/v1/exchange", b'{"responses": [1], "max": 0}'),
    (b"POST", b"/api/v1/exchange", b'{"max": 101}'),
    (b"POST", b"/api/v1/requests/x.1/response", b"hello"),
    (b"POST", b"/api/v1/requests/x.1/chunks", b'{"seq": 0}'),
    (b"POST", b"/api/v1/requests/x.1/extend", b'{"ms": 0}'),
]


async def asked(
    api: Api, method: bytes, target: bytes, body: bytes, apart: bool = False
) -> Response:
    """The response to a call that comes in one piece, or with its body `apart`."""
    worker = await api.raw()
    head = b"%b %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
    data = head % (method, target, len(body)) + body
    if apart:
        await worker.send(data[:-1])
        await api.http.get("/livez")  # the gateway has read what was sent before
    await worker.send(data[-1:] if apart else data)
    response = await worker.response()
    await worker.close()
    return response


@pytest.mark.parametrize(("method", "target", "body"), CALLS)
async def test_both_ways_give_the_same(api: Api, method: bytes, target: bytes, body: bytes) -> None:
    first, *others = [await asked(api, method, target, body) for _ in range(3)]
    others += [await asked(api, method, target, body, apart=True) for _ in range(2)] if body else []
    for other in (first, *others):
        other.headers.sort()
        other.headers.remove((b"date", other.header(b"date") or b""))
    assert others == [first] * len(others)


async def test_who_shows_nothing_is_not_served_at_once(start: Start) -> None:
    api = await start("0123456789abcdef0123456789abcdef")
    fields = {"Host": "localhost", "Authorization": BEARER[1].decode()}
    assert (await api.http.get("/api/v1/request?wait=0", headers=fields)).status_code == 404
    worker = Worker()
    call = worker.call("/api/v1/request", b"wait=0")
    assert not api.app.begin(call, b"", worker)
    assert (worker.tasks, worker.said) == ([], [])
    call["headers"].append(BEARER)
    assert api.app.begin(call, b"", worker)
    assert worker.said[0][0] == 404
