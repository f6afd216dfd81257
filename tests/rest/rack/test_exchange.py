"""Answer and pull in one round trip."""

import asyncio
import json
from typing import Any

import pytest

from tests.rest.conftest import Api, Start, answer


async def exchange(api: Api, **message: Any) -> tuple[int, Any]:
    """Status and body of one exchange."""
    response = await api.http.post("/api/v1/exchange", json=message)
    return response.status_code, response.json()


async def test_a_worker_is_one_loop(api: Api) -> None:
    tickets = [api.submit(target=b"/%d" % i) for i in range(5)]
    answers: list[Any] = []
    seen: list[int] = []
    for _ in range(4):
        status, reply = await exchange(api, worker="w", max=2, wait=0, responses=answers)
        assert status == 200
        assert [result["status"] for result in reply["results"]] == [200] * len(answers)
        answers = [answer(request["identifier"]) for request in reply["requests"]]
        seen.append(len(answers))
    assert seen == [2, 2, 1, 0]
    assert [(await ticket.head()).body for ticket in tickets] == [b"hello"] * 5


async def test_an_empty_exchange_is_a_poll_for_one(api: Api) -> None:
    api.submit(), api.submit()
    response = await api.http.post("/api/v1/exchange")
    assert response.status_code == 200
    assert len(response.json()["requests"]) == 1


async def test_an_exchange_for_none_only_answers(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    api.submit()
    responses = [answer(identifier)]
    status, reply = await exchange(api, max=0, wait=60, responses=responses)
    assert (status, reply["requests"]) == (200, [])
    assert reply["results"] == [{"identifier": identifier, "status": 200}]
    assert (await ticket.head()).body == b"hello"
    assert len((await exchange(api, max=1, wait=0))[1]["requests"]) == 1


async def test_only_an_exchange_may_be_for_none(api: Api) -> None:
    response = await api.http.get("/api/v1/request", params={"max": 0})
    assert (response.status_code, response.json()["field"]) == (400, "max")


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_upgrade_to_http_2_is_ignored_and_the_answer_kept(api: Api, chunked: bool) -> None:
    ticket = api.submit()
    body = json.dumps({"max": 0, "responses": [answer(await api.identifier())]}).encode()
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    worker = await api.raw()
    start = b"POST /api/v1/exchange HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    await worker.send(start + upgrade + framing + b"\r\n\r\n" + body)
    response = await worker.response()
    assert (response.status, json.loads(response.body)["results"][0]["status"]) == (200, 200)
    assert (await ticket.head()).status == 200
    await worker.close()


async def test_an_exchange_waits(api: Api) -> None:
    pending = asyncio.create_task(exchange(api, wait=60, routes=["/a"]))
    await api.parked(1)
    api.submit(target=b"/a/b")
    _, reply = await pending
    assert reply["requests"][0]["environment"]["PATH_INFO"] == "/a/b"


async def test_bad_answers_do_not_keep_requests_away(api: Api) -> None:
    api.submit()
    status, reply = await exchange(api, responses=[answer("nobody.1"), 7])
    assert (status, len(reply["requests"])) == (200, 1)
    assert [result["status"] for result in reply["results"]] == [404, 400]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"wait": 61}, "wait"),
        ({"max": -1}, "max"),
        ({"max": 101}, "max"),
        ({"worker": "a b"}, "worker"),
        ({"routes": ["ho$t"]}, "routes"),
        ({"responses": {}}, "responses"),
        ({"responses": [{}] * 1001}, "responses"),
    ],
)
async def test_a_bad_exchange_takes_no_answer(api: Api, message: Any, field: str) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    status, problem = await exchange(api, **{"responses": [answer(identifier)], **message})
    assert (status, problem["field"]) == (400, field)
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).status == 200


async def test_answers_count_when_the_gateway_stops(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    api.app.polls.end_all()
    status, problem = await exchange(api, responses=[answer(identifier)])
    assert (status, problem["code"]) == (503, "draining")
    assert problem["results"] == [{"identifier": identifier, "status": 200}]
    assert (await ticket.head()).status == 200


async def test_answers_count_when_there_are_too_many_polls(start: Start) -> None:
    api = await start(max_sessions=2)
    ticket, _ = api.submit(), api.submit()
    identifier = (await api.pull(max=2))["requests"][0]["identifier"]
    poll = asyncio.create_task(api.pull())
    await api.parked(2)
    status, problem = await exchange(api, responses=[answer(identifier)])
    assert (status, problem["code"]) == (429, "too_many_polls")
    assert problem["results"] == [{"identifier": identifier, "status": 200}]
    assert (await ticket.head()).status == 200
    api.submit()
    await poll


async def test_a_worker_that_leaves_takes_no_request_with_it(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    worker = await api.raw()
    body = b'{"wait": 60, "responses": [{"identifier": "%b", "code": 200}]}' % identifier.encode()
    await worker.post(body, b"/api/v1/exchange")
    assert (await ticket.head()).status == 200
    await api.parked(1)
    await worker.close()
    await api.parked(0)
    api.submit()
    assert (await api.pull())["environment"]["prack.attempt"] == 1
