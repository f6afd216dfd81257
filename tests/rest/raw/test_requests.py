"""Requests as HTTP messages, streamed to workers."""

import asyncio
import re

import pytest

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB, MIB
from prack_grpc.rest.raw import requests as raw_requests
from tests.rest.conftest import SECONDS, Api, Start, answer, until
from tests.support.client import Cut, RawClient, Response

NEXT = b"/api/v1/requests/next?wait=10"


def identifier(response: Response) -> str:
    return (response.header(b"prack-id") or b"").decode()


async def worker_with_head(api: Api, target: bytes = NEXT) -> tuple[RawClient, Response]:
    """A worker that has read the head of its poll's response."""
    worker = await api.raw()
    await worker.get(target)
    return worker, await worker.head()


async def client_error(ticket: Ticket) -> errors.ErrorKind:
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    return caught.value.kind


async def test_a_request_is_a_message(api: Api) -> None:
    ticket = api.submit(
        b"POST",
        b"/a%20b/c?x=1&y=%ff",
        [(b"x-b", b"1"), (b"x-a", b"\xe9"), (b"x-b", b"2"), (b"content-length", b"7")],
        b"hello=1",
    )
    response = await api.http.get("/api/v1/requests/next", params={"wait": SECONDS})
    assert response.status_code == 200
    assert response.content == (
        b"POST /a%20b/c?x=1&y=%ff HTTP/1.1\r\nhost: test\r\nx-b: 1\r\nx-a: \xe9\r\nx-b: 2\r\n"
        b"content-length: 7\r\n\r\nhello=1"
    )
    headers = response.headers
    assert headers["content-type"] == "application/http; msgtype=request"
    assert headers["cache-control"] == "no-store"
    assert headers["prack-id"].startswith(f"{ticket.id}.1.")
    assert headers["prack-attempt"] == "1"
    assert 59_000 < int(headers["prack-deadline-ms"]) <= 60_000
    assert headers["prack-body-length"] == "7"
    assert (await api.answer(answer(headers["prack-id"]))).status_code == 200
    assert (await ticket.head()).body == b"hello"


async def test_an_empty_poll_is_204(api: Api) -> None:
    response = await api.http.get("/api/v1/requests/next", params={"wait": 0})
    assert (response.status_code, response.content) == (204, b"")
    assert not api.broker.dispatcher.queue.sessions


@pytest.mark.parametrize(
    ("query", "field"),
    [("wait=61", "wait"), ("worker=", "worker"), ("route=/a%0Ab", "routes"), ("body=no", "body")],
)
async def test_a_bad_parameter_is_400(api: Api, query: str, field: str) -> None:
    response = await api.http.get(f"/api/v1/requests/next?{query}")
    assert (response.status_code, response.json()["field"]) == (400, field)


async def test_a_poll_says_who_it_is(api: Api) -> None:
    query = "worker=w-1&service=shop&version=v2&route=GET+/cart&wait=9&max=5"
    poll = asyncio.create_task(api.http.get("/api/v1/requests/next?" + query))
    await api.parked(1)
    (session,) = api.broker.dispatcher.queue.sessions
    profile = session.profile
    assert (profile.worker, profile.service, profile.version) == ("w-1", "shop", "v2")
    api.submit(target=b"/cart/1")
    assert (await poll).content.startswith(b"GET /cart/1 ")


async def test_polls_end_when_the_gateway_stops(api: Api) -> None:
    poll = asyncio.create_task(api.http.get("/api/v1/requests/next?wait=60"))
    await api.parked(1)
    api.app.polls.end_all()
    assert ((await poll).status_code, (await poll).json()["code"]) == (503, "draining")


async def test_a_body_flows_while_it_comes_in(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    worker, head = await worker_with_head(api)
    assert head.header(b"prack-body-length") is None
    assert await worker.chunk() == b"POST / HTTP/1.1\r\nhost: test\r\n\r\none,"
    await api.broker.upload(ticket, b"two,", False)
    assert await worker.chunk() == b"two,"
    await api.broker.upload(ticket, b"", True)
    assert await worker.chunk() == b""
    await worker.close()


async def test_a_large_body_waits_for_its_worker(start: Start) -> None:
    api = await start(window=64 * KIB, inline_body=16 * KIB)
    size = 16 * MIB
    ticket = api.submit(b"POST", body=b"", end=False, length=size)
    worker, head = await worker_with_head(api)
    upload = asyncio.create_task(api.broker.upload(ticket, bytes(size), True))
    flow = api.upload(ticket)
    await until(lambda: api.upload(ticket).buffered > 0 and not upload.done())
    # What the sockets do not hold stays with the client.
    assert flow.pushed < size
    total = int(head.header(b"content-length") or 0)
    seen = 0
    while seen < total:
        seen += len(await worker.reader.read(MIB))
        assert flow.buffered <= 64 * KIB
    await upload
    assert total == size + len(b"POST / HTTP/1.1\r\nhost: test\r\n\r\n")
    await worker.close()


@pytest.mark.parametrize("length", [-1, 9])
async def test_a_body_that_its_client_cuts_has_no_valid_end(
    api: Api, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=length)
    worker = await api.raw()
    await worker.get(NEXT)
    response = asyncio.create_task(worker.response())
    await until(lambda: api.upload(ticket).taken == 4)
    api.broker.leave(ticket)
    with pytest.raises(Cut):
        await response
    await worker.close()
    assert not caplog.records


async def test_a_worker_that_goes_away_in_the_body_loses_the_request(api: Api) -> None:
    """W8."""
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    worker, head = await worker_with_head(api)
    await worker.close()
    assert await client_error(ticket) is errors.WORKER_LOST
    assert (await api.answer(answer(identifier(head)))).status_code == 409


async def test_a_worker_that_stops_reading_loses_the_request(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_requests, "PATIENCE", 0.05)
    ticket = api.submit(b"POST", body=b"", end=False, length=64 * MIB)
    worker, _ = await worker_with_head(api)
    upload = asyncio.create_task(api.broker.upload(ticket, bytes(64 * MIB), True))
    assert await client_error(ticket) is errors.WORKER_LOST
    await upload
    await worker.close()


async def test_a_poll_that_leaves_takes_no_request_with_it(api: Api) -> None:
    """W7."""
    worker = await api.raw()
    await worker.get(b"/api/v1/requests/next?wait=60")
    await api.parked(1)
    worker.reset()
    await api.parked(0)
    api.submit()
    response = await api.http.get("/api/v1/requests/next")
    assert response.headers["prack-attempt"] == "1"


async def test_the_body_ends_when_the_worker_is_late(start: Start) -> None:
    api = await start(head_timeout=0.05)
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    worker = await api.raw()
    await worker.get(NEXT)
    with pytest.raises(Cut):
        await worker.response()
    assert await client_error(ticket) is errors.DEADLINE
    await worker.close()


# ---------------------------------------------------------------- the body apart


async def test_the_body_can_be_read_apart_and_again(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    head = await api.http.get("/api/v1/requests/next?body=separate")
    assert head.content == b"POST / HTTP/1.1\r\nhost: test\r\n\r\n"
    path = f"/api/v1/requests/{head.headers['prack-id']}/body"
    for given in (b"two", b""):
        if given:
            reading = asyncio.create_task(api.http.get(path))
            await until(lambda: api.upload(ticket).taken == 4)
            busy = await api.http.get(path)
            assert (busy.status_code, busy.json()["code"]) == (409, "body_busy")
            await api.broker.upload(ticket, given, True)
            body = await reading
        else:
            body = await api.http.get(path)
            assert body.headers["content-length"] == "7"
        assert (body.status_code, body.content) == (200, b"one,two")


async def test_a_body_that_is_no_longer_here_is_410(api: Api) -> None:
    api.submit(b"POST", body=bytes(100 * KIB))
    head = await api.http.get("/api/v1/requests/next?body=separate")
    path = f"/api/v1/requests/{head.headers['prack-id']}/body"
    assert head.headers["prack-body-length"] == str(100 * KIB)
    assert (await api.http.get(path)).content == bytes(100 * KIB)
    again = await api.http.get(path)
    assert (again.status_code, again.json()["code"]) == (410, "body_gone")


async def test_a_worker_that_stops_reading_the_body_may_still_answer(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"one,", end=False, length=-1)
    head = await api.http.get("/api/v1/requests/next?body=separate")
    name = head.headers["prack-id"]
    worker, _ = await worker_with_head(api, f"/api/v1/requests/{name}/body".encode())
    await worker.close()
    assert (await api.answer(answer(name))).status_code == 200
    assert (await ticket.head()).status == 200


async def test_a_client_that_waits_for_100_sends_when_the_body_is_read(api: Api) -> None:
    ticket = api.submit(b"POST", body=b"", end=False, length=4)
    wanted = asyncio.create_task(ticket.wanted())
    head = await api.http.get("/api/v1/requests/next?body=separate")
    assert not wanted.done()
    body = asyncio.create_task(api.http.get(f"/api/v1/requests/{head.headers['prack-id']}/body"))
    await wanted
    await api.broker.upload(ticket, b"body", True)
    assert (await body).content == b"body"


@pytest.mark.parametrize("name", ["nobody.1", "%00", "..%2f..%2fx", "x" * 10_240])
async def test_the_body_of_an_unknown_request_is_404(api: Api, name: str) -> None:
    """W34."""
    response = await api.http.get(f"/api/v1/requests/{name}/body")
    assert response.status_code == 404
    assert re.fullmatch("unknown_request|not_found", response.json()["code"])
