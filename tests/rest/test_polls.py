"""Polls: what they ask for, what they get, and how they end."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import ASGIApp

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.worker import TRUSTED
from prack_grpc.private.bodies import Gone
from prack_grpc.private.eager import Watcher
from prack_grpc.private.errors import ApiError
from prack_grpc.rest import ask
from tests.rest.conftest import SECONDS, Api, Start, answer, until
from tests.support.client import RawClient

BAD_QUERIES = [
    *(
        ("wait", value, "wait out of range 0..60")
        for value in ("-1", "60.1", "nan", "1e9", "abc", "")
    ),
    *(
        ("max", value, "max out of range 1..100")
        for value in ("0", "101", "-1", "1.5", "x", "", "²")
    ),
    *(("worker", value, "worker: ") for value in ("", "a b", "a\nb", "é", "x" * 129)),
    *(("service", value, "service: ") for value in ("a b", "x" * 129)),
    *(("version", value, "version: ") for value in ("\x7f", "x" * 129)),
    *(("route", value, "expected") for value in ("a/b c/d/e f", "ho$t", "G(T /x", "/a\nb")),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD_QUERIES)
async def test_a_bad_parameter_is_400(api: Api, name: str, value: str, says: str) -> None:
    """W4 and W35."""
    response = await api.http.get("/api/v1/request", params={name: value})
    assert (response.status_code, response.json()["code"]) == (400, "bad_parameter")
    assert says in response.json()["detail"]
    assert not api.broker.dispatcher.queue.sessions


async def test_too_many_parameters_and_routes_are_400(api: Api) -> None:
    for query in ("a&" * 101, "&".join(f"route=/{i}" for i in range(65))):
        response = await api.http.get("/api/v1/request?" + query)
        assert (response.status_code, response.json()["code"]) == (400, "bad_parameter")


async def test_a_full_table_of_routes_is_no_fault_of_the_worker(start: Start) -> None:
    api = await start(max_routes=2)
    parked = await parked_worker(api, b"/api/v1/request?wait=60&route=/a")
    response = await api.http.get("/api/v1/request?route=/c")
    assert (response.status_code, response.json()["code"]) == (429, "too_many_routes")
    assert response.headers["retry-after"] == "1"
    await parked.close()


def test_the_default_poll_is_the_originals() -> None:
    assert ask.from_query(b"") == ask.from_query(b"unknown=1") == ask.PLAIN
    assert (ask.PLAIN.wait, ask.PLAIN.most) == (5.0, 0)


@pytest.mark.parametrize(
    "members",
    [
        {"wait": True},
        {"wait": None},
        {"wait": [5]},
        {"wait": 10**400},
        {"max": True},
        {"max": 1.0},
        {"max": None},
        {"worker": 7},
        {"routes": "/a"},
        {"routes": [7]},
    ],
)
def test_members_of_a_wrong_type_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        ask.from_members(members, 1)
    assert caught.value.field in members


async def test_a_poll_says_who_it_is(api: Api) -> None:
    query = "worker=w-1&service=shop&version=v2&route=GET+shop.example.com/cart&route=/a&wait=9"
    poll = asyncio.create_task(api.http.get("/api/v1/request?" + query))
    await api.parked(1)
    (session,) = api.broker.dispatcher.queue.sessions
    profile = session.profile
    assert (profile.worker, profile.service, profile.version) == ("w-1", "shop", "v2")
    assert [str(route) for route in session.profile.routes] == ["GET shop.example.com/cart", "*/a"]
    api.submit(target=b"/a/b")
    assert (await poll).json()["environment"]["PATH_INFO"] == "/a/b"


async def test_a_parked_poll_gets_the_next_request(api: Api) -> None:
    poll = asyncio.create_task(api.pull())
    await api.parked(1)
    ticket = api.submit(target=b"/now")
    request = await poll
    assert request["environment"]["PATH_INFO"] == "/now"
    await api.answer(answer(request["identifier"]))
    assert (await ticket.head()).status == 200
    await api.parked(0)


async def test_a_batch_takes_what_is_there(api: Api) -> None:
    for i in range(5):
        api.submit(target=b"/%d" % i)
    for expected in (["/0", "/1", "/2"], ["/3", "/4"]):
        requests = (await api.pull(max=3))["requests"]
        assert [request["environment"]["PATH_INFO"] for request in requests] == expected


async def test_an_empty_batch_is_200(api: Api) -> None:
    """W6."""
    response = await api.http.get("/api/v1/request", params={"wait": 0, "max": 1})
    assert (response.status_code, response.json()) == (200, {"requests": []})


async def test_a_poll_leaves_no_session_behind(api: Api) -> None:
    await api.http.get("/api/v1/request", params={"wait": 0.01})
    assert not api.broker.dispatcher.queue.sessions


async def test_too_many_polls_are_429(start: Start) -> None:
    """W32."""
    api = await start(max_sessions=1)
    poll = asyncio.create_task(api.pull())
    await api.parked(1)
    response = await api.http.get("/api/v1/request")
    assert (response.status_code, response.json()["code"]) == (429, "too_many_polls")
    assert response.headers["retry-after"] == "1"
    api.submit()
    await poll


# ---------------------------------------------------------------- workers that leave


async def parked_worker(api: Api, target: bytes = b"/api/v1/request?wait=60") -> RawClient:
    worker = await api.raw()
    before = len(api.broker.dispatcher.queue.sessions)
    await worker.get(target)
    await api.parked(before + 1)
    return worker


@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_poll_that_leaves_takes_no_request_with_it(api: Api, way: str) -> None:
    """W7."""
    leaver, stayer = await parked_worker(api), await parked_worker(api)
    if way == "close":
        await leaver.close()
    else:
        leaver.reset()
    await api.parked(1)
    api.submit()
    response = await stayer.response()
    assert json.loads(response.body)["environment"]["prack.attempt"] == 1
    await stayer.close()


class Leaving:
    """Implements `eager.Connection` for a worker that leaves when it is told to."""

    watcher: Watcher

    def watch(self, watcher: Watcher) -> None:
        """See Connection."""
        self.watcher = watcher

    def unwatch(self, watcher: Watcher) -> None:
        """See Connection."""

    def reply(self) -> None:
        """See Connection."""

    def run(self, app: ASGIApp) -> None:
        """See Connection."""


async def test_a_poll_that_leaves_while_it_is_handed_requests_gives_them_back(api: Api) -> None:
    """W7: the attempt does not count, for the request was never sent."""
    connection = Leaving()
    pull = asyncio.create_task(api.app.polls.pull(ask.Ask(wait=60, most=2), TRUSTED, connection))
    await api.parked(1)
    connection.watcher.lost(None)
    tickets = [api.submit(b"POST", b"/1"), api.submit(b"POST", b"/2")]
    assert all(api.lease(ticket) for ticket in tickets)
    with pytest.raises(Gone):
        await pull
    requests = (await api.pull(max=2))["requests"]
    assert [request["environment"]["prack.attempt"] for request in requests] == [1, 1]
    assert [request["environment"]["PATH_INFO"] for request in requests] == ["/1", "/2"]
    for request in requests:
        assert (await api.answer(answer(request["identifier"]))).status_code == 200
    assert [(await ticket.head()).status for ticket in tickets] == [200, 200]
    counters = api.broker.dispatcher.counters
    assert (counters.leased, counters.answered, counters.returned) == (4, 2, 2)


async def test_a_request_that_its_client_took_back_is_not_sent(api: Api) -> None:
    poll = asyncio.create_task(api.http.get("/api/v1/request", params={"wait": 60, "max": 2}))
    await api.parked(1)
    api.broker.leave(api.submit(target=b"/gone"))
    api.submit(target=b"/here")
    requests = (await poll).json()["requests"]
    assert [request["environment"]["PATH_INFO"] for request in requests] == ["/here"]


# ---------------------------------------------------------------- the gateway stops


@pytest.mark.parametrize("query", ["", "max=8"])
async def test_polls_end_when_the_gateway_stops(api: Api, query: str) -> None:
    poll = asyncio.create_task(api.http.get("/api/v1/request?wait=60&" + query))
    await api.parked(1)
    api.app.polls.end_all()
    late = await api.http.get("/api/v1/request?wait=60&" + query)
    for response in (await poll, late):
        assert (response.status_code, response.json()["code"]) == (503, "draining")
        assert response.headers["retry-after"] == "1"


async def test_what_waits_is_still_handed_out_when_the_gateway_stops(api: Api) -> None:
    ticket = api.submit()
    api.app.polls.end_all()
    await api.answer(answer(await api.identifier()))
    assert (await ticket.head()).status == 200


# ---------------------------------------------------------------- bodies that come slowly


async def test_a_body_comes_whole(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    poll = asyncio.create_task(api.pull())
    await until(lambda: api.lease(ticket) is not None)
    await api.broker.upload(ticket, b"two", True)
    environment = (await poll)["environment"]
    assert (environment["body"], environment["CONTENT_LENGTH"]) == ("b25lLHR3bw==", "7")
    assert "HTTP_CONTENT_LENGTH" not in environment


async def test_a_slow_body_holds_up_no_other_request(api: Api) -> None:
    slow = api.submit(b"POST", b"/slow", body=b"one,", end=False, length=-1)
    poll = asyncio.create_task(api.pull())
    await until(lambda: api.lease(slow) is not None)
    api.submit(target=b"/quick")
    assert (await poll)["environment"]["PATH_INFO"] == "/quick"
    await api.broker.upload(slow, b"two", True)
    request = await api.pull()
    assert request["environment"]["body"] == "b25lLHR3bw=="
    assert request["environment"]["prack.attempt"] == 1
    await api.answer(answer(request["identifier"]))
    assert (await slow.head()).status == 200


def slots(api: Api, ticket: Ticket) -> int:
    """Of the poll that was handed this request."""
    lease = api.lease(ticket)
    return lease.session.slots if lease else 0


async def test_a_poll_gets_no_more_than_it_asked_for(api: Api) -> None:
    slow = api.submit(b"POST", b"/slow", body=b"one,", end=False, length=-1)
    poll = asyncio.create_task(api.pull())
    await until(lambda: slots(api, slow) == 2)
    await api.broker.upload(slow, b"two", True)
    api.submit(target=b"/quick")
    assert (await poll)["environment"]["PATH_INFO"] == "/quick"
    assert (await api.pull())["environment"]["body"] == "b25lLHR3bw=="


async def test_a_body_larger_than_a_worker_takes_is_413_to_the_client(start: Start) -> None:
    api = await start(rest_body=1000, window=100, inline_body=100)
    ticket = api.submit(b"POST", body=b"x" * 100, end=False, length=-1)
    poll = asyncio.create_task(api.http.get("/api/v1/request", params={"wait": 0.05}))
    await api.broker.upload(ticket, b"x" * 2000, True)
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    assert caught.value.kind is errors.BODY_TOO_LARGE
    assert (await poll).status_code == 404


async def test_a_client_that_leaves_during_its_body_is_forgotten(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    poll = asyncio.create_task(api.http.get("/api/v1/request", params={"wait": 60, "max": 1}))
    await until(lambda: api.lease(ticket) is not None)
    api.broker.leave(ticket)
    api.submit(target=b"/next")
    assert [r["environment"]["PATH_INFO"] for r in (await poll).json()["requests"]] == ["/next"]


async def test_of_polls_behind_each_other_two_are_answered_in_a_turn(api: Api) -> None:
    """All of them together would hold up everybody else."""
    poll = b"GET /api/v1/request?wait=0 HTTP/1.1\r\nhost: localhost\r\n\r\n"
    count = 3000  # several reads
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.timeout(SECONDS):
        writer.write(poll)  # the first call of a port waits for its application
        await reader.readuntil(b"pending")
        counting = asyncio.create_task(count_turns())
        writer.write(poll * count)
        for _ in range(count):
            await reader.readuntil(b"pending")
    counting.cancel()
    writer.close()
    await writer.wait_closed()
    assert turns >= count / 2
