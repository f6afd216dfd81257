"""How workers that poll learn that a client has left."""

import asyncio
from typing import Any

import pytest

from prack_grpc.core.worker import TRUSTED
from prack_grpc.rest import leases as ports
from prack_grpc.rest.leases import Cancellations
from tests.rest.conftest import Api, Start, answer, until


async def state(api: Api, identifier: str, **query: Any) -> tuple[int, Any]:
    response = await api.http.get(f"/api/v1/requests/{identifier}", params=query)
    return response.status_code, response.json()


async def test_the_state_of_a_request(api: Api) -> None:
    api.submit()
    identifier = await api.identifier()
    status, body = await state(api, identifier)
    assert (status, body["state"]) == (200, "leased")
    assert 59_000 < body["deadline_ms"] <= 60_000
    path = f"/api/v1/requests/{identifier}/chunks"
    await api.http.post(path, json={"seq": 0, "code": 200})
    assert await state(api, identifier) == (200, {"state": "answering"})
    await api.http.post(path, json={"seq": 1, "end": True})
    assert await state(api, identifier, wait=60) == (200, {"state": "answered"})
    assert (await state(api, "nobody.1", wait=60))[0] == 404


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
async def test_a_bad_wait_is_400(api: Api, wait: str) -> None:
    assert (await state(api, "nobody.1", wait=wait))[0] == 400


async def test_a_wait_ends_without_news(api: Api) -> None:
    api.submit()
    identifier = await api.identifier()
    assert (await state(api, identifier, wait=0.02))[1]["state"] == "leased"


@pytest.mark.parametrize(
    ("action", "expected"),
    [("leave", 410), ("answer", "answered"), ("release", "returned"), ("error", "answered")],
)
async def test_a_wait_ends_with_a_change(api: Api, action: str, expected: object) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    leases = api.app.polls.leases
    watch = asyncio.create_task(state(api, identifier, wait=60))
    await until(lambda: bool(leases.waiting))
    if action == "leave":
        api.broker.leave(ticket)
    elif action == "answer":
        await api.answer(answer(identifier))
    else:
        await api.http.post(f"/api/v1/requests/{identifier}/{action}")
    status, body = await watch
    assert expected == (body["state"] if status == 200 else status)
    assert not leases.waiting


async def test_a_watch_that_leaves_is_forgotten(api: Api) -> None:
    api.submit()
    identifier = await api.identifier()
    worker = await api.raw()
    await worker.get(f"/api/v1/requests/{identifier}?wait=60".encode())
    leases = api.app.polls.leases
    await until(lambda: bool(leases.waiting))
    await worker.close()
    await until(lambda: not leases.waiting)


# ---------------------------------------------------------------- Prack-Cancelled


REPLIES = [
    ("GET", "/api/v1/request?wait=0&worker=w1", None),
    ("GET", "/api/v1/request?wait=0&max=2&worker=w1", None),
    ("GET", "/api/v1/request?wait=99&worker=w1", None),
    ("GET", "/api/v1/requests/next?wait=0&worker=w1", None),
    ("POST", "/api/v1/exchange", {"worker": "w1", "wait": 0}),
    ("POST", "/api/v1/response?worker=w1", {}),
    ("GET", "/api/v1/requests/x.1?worker=w1", None),
    ("POST", "/api/v1/requests/x.1/response?worker=w1", None),
    ("POST", "/api/v1/requests/x.1/chunks?worker=w1", {"seq": 0}),
]


@pytest.mark.parametrize(("method", "path", "message"), REPLIES)
async def test_a_reply_tells_its_worker_of_clients_that_left(
    api: Api, method: str, path: str, message: Any
) -> None:
    tickets = [api.submit(), api.submit()]
    names = [(await api.pull(worker="w1"))["identifier"] for _ in tickets]
    for ticket in tickets:
        api.broker.leave(ticket)
    assert "prack-cancelled" not in (await api.http.get("/api/v1/info?worker=w2")).headers
    content = {} if message is None else {"json": message}
    response = await api.http.request(method, path, **content)
    assert response.headers["prack-cancelled"] == ",".join(names)
    response = await api.http.request(method, path, **content)
    assert "prack-cancelled" not in response.headers


async def test_a_delivery_tells_too(api: Api) -> None:
    gone = api.submit()
    name = (await api.pull(worker="w1"))["identifier"]
    api.broker.leave(gone)
    api.submit(b"POST", body=b"hello")
    response = await api.http.get("/api/v1/requests/next?worker=w1")
    assert response.headers["prack-cancelled"] == name
    assert response.content.endswith(b"hello")


async def test_a_request_that_was_never_sent_is_not_told_of(api: Api) -> None:
    poll = asyncio.create_task(api.http.get("/api/v1/request?wait=60&max=2&worker=w1"))
    await api.parked(1)
    api.broker.leave(api.submit())
    slow = api.submit(b"POST", body=b"one,", end=False, length=-1)
    await until(lambda: api.lease(slow) is not None)
    api.submit()
    assert "prack-cancelled" not in (await poll).headers
    api.broker.leave(slow)
    assert not api.app.polls.leases.cancelled.of


async def test_a_deadline_is_told_of_and_a_bad_answer_is_not(start: Start) -> None:
    api = await start(head_timeout=0.05)
    late = api.submit()
    name = (await api.pull(worker="w1"))["identifier"]
    await until(lambda: late not in api.broker.tickets)
    api.submit()
    bad = (await api.pull(worker="w2"))["identifier"]
    assert (await api.answer(answer(bad, code=99))).status_code == 422
    assert api.app.polls.leases.cancelled.take((TRUSTED, "w1")) == [name]
    assert not api.app.polls.leases.cancelled.of


async def test_workers_without_a_name_are_not_told(api: Api) -> None:
    ticket = api.submit()
    await api.identifier()
    api.broker.leave(ticket)
    assert not api.app.polls.leases.cancelled.of


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MAX_NAMES", 2)
    cancelled = Cancellations()
    for worker in ("a", "b", "a", "c"):
        for i in range(60):
            cancelled.add((TRUSTED, worker), f"{worker}{i}")
    assert cancelled.take((TRUSTED, "b")) == []
    assert cancelled.take((TRUSTED, "a")) == [f"a{i}" for i in (*range(20, 60), *range(60))]
    assert len(cancelled.take((TRUSTED, "c"))) == 60
    assert not cancelled.of
