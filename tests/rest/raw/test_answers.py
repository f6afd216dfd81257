"""Answers as uploads (promises, section 8: W20, W28, W29 and the rows of every answer)."""

import asyncio
from typing import Any

import pytest

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB, MIB
from prack_grpc.private import bodies
from prack_grpc.rest.raw import endpoints as raw
from tests.rest.conftest import Api, Start, answer, until
from tests.support.client import RawClient

MESSAGE = {"Content-Type": "application/http"}


async def pull(api: Api) -> str:
    """The path under which the next request is answered."""
    response = await api.http.get("/api/v1/requests/next")
    return f"/api/v1/requests/{response.headers['prack-id']}/response"


async def body(api: Api, ticket: Ticket) -> bytes:
    """The rest of what the client gets."""
    parts = []
    while (part := await ticket.chunk()) is not None:
        parts.append(part)
        api.broker.consumed(ticket)
    api.broker.complete(ticket)
    return b"".join(parts)


async def failure(ticket: Ticket) -> errors.ErrorKind:
    """What the client got in place of an answer, or of the rest of it."""
    with pytest.raises(GatewayError) as caught:
        await _all(ticket)
    return caught.value.kind


async def _all(ticket: Ticket) -> None:
    await ticket.head()
    while await ticket.chunk() is not None:
        pass


async def uploader(api: Api, path: str, *fields: bytes) -> RawClient:
    """A worker that has begun an upload of unknown length."""
    worker = await api.raw()
    chunked = b"transfer-encoding: chunked"
    await worker.get(path.encode(), chunked, *fields, method=b"POST")
    return worker


def claimed(api: Api, ticket: Ticket) -> bool:
    """Somebody passes on the answer to this request."""
    leases = api.app.polls.leases
    return ticket.assignment is not None and leases.writer(ticket.assignment) is not None


async def piece(worker: RawClient, data: bytes) -> None:
    await worker.send(b"%x\r\n%b\r\n" % (len(data), data))


GOOD: list[tuple[str, bytes, bytes, dict[str, str], int, list[tuple[bytes, bytes]], bytes]] = [
    (
        "message",
        b"GET",
        b"HTTP/1.1 201 Created\r\nX-B: 1\r\nX-A: \xe9\r\nx-b:  2 \r\n\r\nhello",
        MESSAGE,
        201,
        [(b"x-b", b"1"), (b"x-a", b"\xe9"), (b"x-b", b"2"), (b"content-length", b"5")],
        b"hello",
    ),
    ("bare LF", b"GET", b"HTTP/1.1 200\nX: 1\n\na\n\nb", MESSAGE, 200,
     [(b"x", b"1"), (b"content-length", b"4")], b"a\n\nb"),
    ("HTTP/2", b"GET", b"HTTP/2 200 \r\n\r\n", MESSAGE, 200, [(b"content-length", b"0")], b""),
    ("W22", b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\n"
     b"X-Hop: 1\r\n\r\nhi", MESSAGE, 200, [(b"content-length", b"2")], b"hi"),
    ("W23", b"GET", b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nhi", MESSAGE, 204, [], b""),
    ("W23", b"GET", b"HTTP/1.1 304 No\r\n\r\nhi", MESSAGE, 304, [], b""),
    ("W24", b"GET", b"HTTP/1.1 205 No\r\n\r\nhi", MESSAGE, 205, [(b"content-length", b"0")], b""),
    ("HEAD", b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", MESSAGE, 200,
     [(b"content-length", b"7")], b""),
    ("plain", b"GET", b"hello", {}, 200, [(b"content-length", b"5")], b"hello"),
    ("plain", b"GET", b"no", {"Prack-Status": "404", "Prack-Header-X-A": "1"}, 404,
     [(b"x-a", b"1"), (b"content-length", b"2")], b"no"),
    ("plain", b"GET", b"{}", {"Content-Type": "application/json"}, 200,
     [(b"content-length", b"2")], b"{}"),
    ("plain", b"HEAD", b"hello", {}, 200, [(b"content-length", b"5")], b""),
    ("plain", b"HEAD", b"", {}, 200, [], b""),
    ("plain", b"GET", b"", {"Prack-Status": "304"}, 304, [], b""),
]  # fmt: skip


@pytest.mark.parametrize(("row", "method", "data", "fields", "status", "headers", "sent"), GOOD)
async def test_an_upload_is_an_answer(
    api: Api,
    row: str,
    method: bytes,
    data: bytes,
    fields: dict[str, str],
    status: int,
    headers: list[tuple[bytes, bytes]],
    sent: bytes,
) -> None:
    ticket = api.submit(method)
    response = await api.http.post(await pull(api), content=data, headers=fields)
    assert (response.status_code, response.json()) == (200, {"message": "thank you"})
    head = await ticket.head()
    assert (head.status, head.headers) == (status, headers)
    assert (head.body if head.end else await body(api, ticket)) == sent


async def test_repeated_fields_stay_apart(api: Api) -> None:
    ticket = api.submit()
    worker = await api.raw()
    cookies = b"prack-header-set-cookie: a=1", b"prack-header-set-cookie: b=2"
    await worker.post(b"hello", (await pull(api)).encode(), *cookies)
    assert (await worker.response()).status == 200
    await worker.close()
    assert (await ticket.head()).headers[:2] == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


async def test_early_hints_come_first(api: Api) -> None:
    ticket = api.submit()
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    data = hints + b"HTTP/1.1 200 OK\r\n\r\nhello"
    response = await api.http.post(await pull(api), content=data, headers=MESSAGE)
    assert response.status_code == 200
    heads = [await ticket.head() for _ in range(2)]
    assert [(head.status, head.body) for head in heads] == [(103, b""), (200, b"hello")]


BAD: list[tuple[str, bytes, dict[str, str], str]] = [
    *(("W15", b"HTTP/1.1 %b OK\r\n\r\n" % s, MESSAGE, "status")
      for s in (b"99", b"099", b"600", b"999", b"-1", b"abc", b"200.0")),
    *(("W15", b"", {"Prack-Status": s}, "status") for s in ("99", "600", "-1", "true", "2000")),
    ("W16", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", MESSAGE, "status"),
    ("W16", b"HTTP/1.1 101 No\r\n\r\n", MESSAGE, "status"),
    ("W16", b"HTTP/1.1 103 No\r\n\r\n", MESSAGE, "status"),
    ("W16", b"", {"Prack-Status": "103"}, "status"),
    *(("W17", b"HTTP/1.1 200 OK\r\n%b: v\r\n\r\n" % n, MESSAGE, "headers")
      for n in (b"", b"x y", b"x ", b" x", b"x/y", b"\xe9")),
    ("W17", b"HTTP/1.1 200 OK\r\nx\r\n\r\n", MESSAGE, "headers"),
    ("W18", b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n", MESSAGE, "headers"),
    ("W18", b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", MESSAGE, "headers"),
    *(("W21", b"HTTP/1.1 200 OK\r\ncontent-length: %b\r\n\r\nabc" % v, MESSAGE, "content-length")
      for v in (b"+3", b"0_3", b"x", b"3\r\ncontent-length: 3")),
    ("W26", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 101 + b"\r\n", MESSAGE, "headers"),
    ("W26", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 65536 + b"\r\n\r\n", MESSAGE, "headers"),
    ("W26", b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000, MESSAGE, "headers"),
    ("shape", b"", MESSAGE, "status"),
    ("shape", b"hello\r\n\r\n", MESSAGE, "status"),
    ("shape", b"HTTP/1.1 200 OK\r\nx: y\r\n", MESSAGE, "status"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "data", "fields", "field"), BAD)
async def test_a_malformed_head_is_422_and_the_client_gets_502(
    api: Api, row: str, data: bytes, fields: dict[str, str], field: str
) -> None:
    ticket = api.submit()
    path = await pull(api)
    response = await api.http.post(path, content=data, headers=fields)
    problem = response.json()
    assert (response.status_code, problem["code"], problem["field"]) == (422, "bad_answer", field)
    assert await failure(ticket) is errors.BAD_RESPONSE
    again = await api.http.post(path, content=b"")
    assert (again.status_code, again.json()["code"]) == (410, "gone")


@pytest.mark.parametrize("length", [b"3", b"9"])
async def test_a_wrong_length_is_422_and_a_cut(api: Api, length: bytes) -> None:
    """W20."""
    ticket = api.submit()
    data = b"HTTP/1.1 200 OK\r\ncontent-length: %b\r\n\r\nhello" % length
    response = await api.http.post(await pull(api), content=data, headers=MESSAGE)
    assert (response.status_code, response.json()["field"]) == (422, "content-length")
    assert await failure(ticket) is errors.BAD_RESPONSE


async def test_a_piece_reaches_the_client_at_once(api: Api) -> None:
    ticket = api.submit()
    worker = await uploader(api, await pull(api), b"content-type: application/http")
    for part in (b"HTTP/1.1 20", b"0 OK\r\nx: 1\r", b"\n\r", b"\nhello"):
        await piece(worker, part)
    head = await ticket.head()
    assert (head.status, head.headers, head.end) == (200, [(b"x", b"1")], False)
    assert await ticket.chunk() == b"hello"
    await piece(worker, b"world")
    assert await ticket.chunk() == b"world"
    await worker.send(b"0\r\n\r\n")
    assert await ticket.chunk() is None
    assert (await worker.response()).status == 200
    await worker.close()


async def test_a_slow_client_slows_the_upload(start: Start) -> None:
    api = await start(window=64 * KIB)
    ticket, size = api.submit(), 8 * MIB
    post = asyncio.create_task(api.http.post(await pull(api), content=bytes(size)))
    await ticket.head()
    download = api.download(ticket)
    await until(lambda: download.pushed == download.granted)
    taken = 0
    while (part := await ticket.chunk()) is not None:
        taken += len(part)
        assert download.pushed <= download.granted <= taken + 64 * KIB
        assert not post.done() or taken + 64 * KIB >= size
        api.broker.consumed(ticket)
    assert taken == size
    assert (await post).status_code == 200


# ---------------------------------------------------------------- answers that end early


async def test_a_client_that_leaves_stops_the_upload(api: Api) -> None:
    """W10."""
    ticket = api.submit()
    worker = await uploader(api, await pull(api))
    await piece(worker, b"hello")
    await ticket.head()
    api.broker.leave(ticket)
    response = await worker.response()
    assert (response.status, response.header(b"connection")) == (410, b"close")
    await worker.send(b"0\r\n\r\n")
    assert await worker.closed()
    await worker.close()


async def test_an_upload_that_goes_on_after_its_end_is_closed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "LINGER", 0.05)
    worker = await uploader(api, "/api/v1/requests/nobody.1/response")
    await piece(worker, b"hello")
    assert (await worker.response()).status == 404
    assert await worker.closed()
    await worker.close()


async def test_a_blocked_upload_ends_with_its_client(start: Start) -> None:
    api = await start(window=64 * KIB)
    ticket = api.submit()
    worker = await uploader(api, await pull(api))
    for _ in range(4):
        await piece(worker, bytes(32 * KIB))
    await ticket.head()
    download = api.download(ticket)
    await until(lambda: download.pushed == download.granted)
    api.broker.leave(ticket)
    assert (await worker.response()).status == 410
    await worker.close()


@pytest.mark.parametrize("start_of", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\n", b"body"])
async def test_an_upload_that_is_cut_ends_the_request(
    api: Api, start_of: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """W29: 502 before the first byte, else cut."""
    ticket = api.submit(b"POST")
    path = await pull(api)
    fields = [] if start_of == b"body" else [b"content-type: application/http"]
    worker = await uploader(api, path, *fields)
    if start_of:
        await piece(worker, start_of)
    await until(lambda: claimed(api, ticket))
    worker.reset()
    assert await failure(ticket) is errors.WORKER_LOST
    again = await api.http.post(path, content=b"")
    assert (again.status_code, again.json()["code"]) == (409, "stale_lease")
    assert {record.getMessage() for record in caplog.records} == {"exchange lost"}


async def test_a_repeatable_request_whose_answer_is_cut_gets_a_second_worker(api: Api) -> None:
    """S3: nothing of the first answer has left."""
    ticket = api.submit()
    worker = await uploader(api, await pull(api), b"content-type: application/http")
    await piece(worker, b"HTTP/1.1 200 OK\r\n")
    await until(lambda: claimed(api, ticket))
    worker.reset()
    again = await api.pull()
    assert again["environment"]["prack.attempt"] == 2
    assert (await api.answer(answer(again["identifier"]))).status_code == 200
    assert (await ticket.head()).body == b"hello"


@pytest.mark.parametrize("start_of", [b"", b"HTTP/1.1 200 OK\r\n\r\nhel"])
async def test_an_upload_that_stands_still_is_408(
    api: Api, start_of: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W28."""
    monkeypatch.setattr(bodies, "STALL", 0.05)
    ticket = api.submit(b"POST")
    path = await pull(api)
    worker = await uploader(api, path, b"content-type: application/http")
    if start_of:
        await piece(worker, start_of)
    assert (await worker.response()).status == 408
    await worker.close()
    assert await failure(ticket) is errors.WORKER_LOST
    assert (await api.http.post(path, content=b"")).status_code == 409


async def test_an_answer_that_is_late_is_410(start: Start) -> None:
    """W10."""
    api = await start(head_timeout=0.05)
    ticket = api.submit()
    worker = await uploader(api, await pull(api), b"content-type: application/http")
    await piece(worker, b"HTTP/1.1 200 OK\r\n")
    assert (await worker.response()).status == 410
    assert await failure(ticket) is errors.DEADLINE
    await worker.close()


# ---------------------------------------------------------------- one answer, and only one


async def test_the_first_answer_wins(api: Api) -> None:
    """W11."""
    ticket = api.submit()
    path = await pull(api)
    worker = await uploader(api, path)
    await piece(worker, b"one")
    await ticket.head()
    identifier = path.split("/")[-2]
    others: list[Any] = [
        await api.http.post(path, content=b"two"),
        await api.answer(answer(identifier, b"two")),
        await api.answer(answer(identifier, code=99)),
        await api.http.post(f"/api/v1/requests/{identifier}/chunks", json={"seq": 0, "code": 200}),
    ]
    assert [(o.status_code, o.json()["code"]) for o in others] == [(409, "already_answered")] * 4
    await worker.send(b"0\r\n\r\n")
    assert (await worker.response()).status == 200
    await worker.close()
    assert await body(api, ticket) == b"one"


async def test_another_answer_ends_an_upload_that_has_not_begun(api: Api) -> None:
    ticket = api.submit()
    path = await pull(api)
    worker = await uploader(api, path, b"content-type: application/http")
    await until(lambda: claimed(api, ticket))
    assert (await api.answer(answer(path.split("/")[-2]))).status_code == 200
    assert (await worker.response()).status == 409
    await worker.close()
    assert (await ticket.head()).body == b"hello"


async def test_an_error_in_the_middle_cuts_the_answer(api: Api) -> None:
    ticket = api.submit()
    path = await pull(api)
    worker = await uploader(api, path)
    await piece(worker, b"one")
    await ticket.head()
    assert (await api.http.post(path.replace("response", "error"))).status_code == 200
    assert (await worker.response()).status == 409
    await worker.close()
    assert await failure(ticket) is errors.WORKER_ERROR


@pytest.mark.parametrize("name", ["nobody.1", "%00", "x" * 10_240])
async def test_an_unknown_identifier_is_404(api: Api, name: str) -> None:
    """W9 and W34."""
    response = await api.http.post(f"/api/v1/requests/{name}/response", content=b"hello")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_request")


async def test_an_answer_with_an_old_lease_is_409(api: Api) -> None:
    """W12."""
    api.submit()
    old = await pull(api)
    await api.http.post(old.replace("response", "release"))
    response = await api.http.post(old, content=b"hello")
    assert (response.status_code, response.json()["code"]) == (409, "stale_lease")


async def test_a_refusal_comes_before_the_upload(api: Api) -> None:
    worker = await api.raw()
    fields = b"content-length: 9999999999", b"expect: 100-continue"
    await worker.get(b"/api/v1/requests/nobody.1/response", *fields, method=b"POST")
    assert (await worker.response()).status == 404
    await worker.close()
