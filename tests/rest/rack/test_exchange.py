"""Answer and pull in one round trip."""

import asyncio
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
        ({"max": 0}, "max"),
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
