"""Answers in numbered chunks."""

import asyncio
import base64
from typing import Any

import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB, MIB
from prack_grpc.rest.raw import chunks
from tests.rest.conftest import Api, Start, answer

WINDOW = 512 * KIB


async def send(api: Api, identifier: str, seq: Any, data: bytes = b"", **more: Any) -> Any:
    """Status and body of the reply to one chunk."""
    text = base64.b64encode(data).decode()
    if seq == 0:
        more = {"code": 200, "headers": {"X": "1"}, **more}
    path = f"/api/v1/requests/{identifier}/chunks"
    response = await api.http.post(path, json={"seq": seq, "data": text, **more})
    return response.status_code, response.json()


async def test_chunks_make_an_answer(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    assert await send(api, identifier, 0, b"one,") == (200, {"max_offset": WINDOW, "next": 1})
    head = await ticket.head()
    assert (head.status, head.headers, head.end) == (200, [(b"x", b"1")], False)
    assert await ticket.chunk() == b"one,"
    assert (await send(api, identifier, 1, b"two"))[0] == 200
    assert await ticket.chunk() == b"two"
    assert (await send(api, identifier, 2, end=True))[1]["next"] == 3
    assert await ticket.chunk() is None


async def test_one_chunk_is_enough(api: Api) -> None:
    ticket = api.submit()
    assert (await send(api, await api.identifier(), 0, b"all", end=True))[0] == 200
    await ticket.head()
    assert [await ticket.chunk(), await ticket.chunk()] == [b"all", None]


@pytest.mark.parametrize("end", [False, True])
async def test_a_chunk_counts_once(api: Api, end: bool) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    await send(api, identifier, 0, b"one,")
    first = await send(api, identifier, 1, b"two", end=end)
    assert await send(api, identifier, 1, b"two", end=end) == first
    if not end:
        await send(api, identifier, 2, end=True)
    await ticket.head()
    assert [await ticket.chunk() for _ in range(2)] == [b"one,two", None]


async def test_a_chunk_out_of_order_is_409_and_says_what_comes_next(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    for sent, expected in ((1, 0), (0, None), (2, 1), (1, None), (0, 2), (2, None)):
        status, body = await send(api, identifier, sent, b"x", end=sent == 2)
        if expected is None:
            assert (status, body["next"]) == (200, sent + 1)
        else:
            problem = (status, body["code"], body["field"], body["next"])
            assert problem == (409, "out_of_order", "seq", expected)
    assert (await send(api, identifier, 3))[1]["code"] == "already_answered"
    await ticket.head()
    assert [await ticket.chunk() for _ in range(2)] == [b"xxx", None]


async def test_a_chunk_waits_for_the_client(start: Start) -> None:
    api = await start(window=64 * KIB)
    ticket = api.submit()
    identifier = await api.identifier()
    chunk = asyncio.create_task(send(api, identifier, 0, bytes(100 * KIB), end=True))
    again = asyncio.create_task(send(api, identifier, 0, bytes(100 * KIB), end=True))
    await ticket.head()
    taken = 0
    while (part := await ticket.chunk()) is not None:
        assert taken > 0 or not (chunk.done() or again.done())
        taken += len(part)
        api.broker.consumed(ticket)
    assert taken == 100 * KIB
    assert await chunk == await again == (200, {"max_offset": 128 * KIB, "next": 1})


async def test_a_chunk_that_waited_too_long_goes_on_when_it_comes_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PATIENCE", 0.05)
    api = await start(window=64 * KIB)
    ticket = api.submit()
    identifier, data = await api.identifier(), bytes(range(200)) * 500
    path = f"/api/v1/requests/{identifier}/chunks"
    chunk = {"seq": 0, "code": 200, "data": base64.b64encode(data).decode(), "end": True}
    refused = await api.http.post(path, json=chunk)
    assert (refused.status_code, refused.json()["code"]) == (429, "window_full")
    assert refused.headers["retry-after"] == "1"
    await ticket.head()
    taken = await ticket.chunk() or b""
    api.broker.consumed(ticket)
    assert (await api.http.post(path, json=chunk)).status_code == 200
    while (part := await ticket.chunk()) is not None:
        taken += part
    assert taken == data


@pytest.mark.parametrize(
    ("members", "status", "code", "field"),
    [
        ({"seq": -1}, 400, "bad_parameter", "seq"),
        ({"seq": True}, 400, "bad_parameter", "seq"),
        ({"seq": "0"}, 400, "bad_parameter", "seq"),
        ({}, 400, "bad_parameter", "seq"),
        ({"seq": 0, "end": 1}, 400, "bad_parameter", "end"),
        ({"seq": 0, "data": "a*b="}, 400, "bad_body", "data"),
        ({"seq": 0, "data": 7}, 400, "bad_body", "data"),
        ({"seq": 0, "data": "A" * 2 * MIB}, 413, "too_large", ""),
    ],
)
async def test_a_bad_chunk_leaves_the_lease(
    api: Api, members: dict[str, Any], status: int, code: str, field: str
) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    response = await api.http.post(f"/api/v1/requests/{identifier}/chunks", json=members)
    problem = response.json()
    assert (response.status_code, problem["code"], problem.get("field", "")) == (
        status,
        code,
        field,
    )
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).status == 200


@pytest.mark.parametrize(
    ("members", "field"),
    [({"code": 99}, "code"), ({"code": 103}, "code"), ({"headers": {"x y": "v"}}, "headers")],
)
async def test_a_malformed_head_is_422(api: Api, members: dict[str, Any], field: str) -> None:
    """W15 to W17."""
    ticket = api.submit()
    status, problem = await send(api, await api.identifier(), 0, **members)
    assert (status, problem["code"], problem["field"]) == (422, "bad_answer", field)
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    assert caught.value.kind is errors.BAD_RESPONSE


@pytest.mark.parametrize("length", ["3", "9"])
async def test_a_wrong_length_is_422(api: Api, length: str) -> None:
    """W20."""
    api.submit()
    headers = {"Content-Length": length}
    status, problem = await send(
        api, await api.identifier(), 0, b"hello", headers=headers, end=True
    )
    assert (status, problem["field"]) == (422, "content-length")


async def test_an_answer_nobody_waits_for_is_410(api: Api) -> None:
    """W10."""
    ticket = api.submit()
    identifier = await api.identifier()
    await send(api, identifier, 0, b"one")
    api.broker.leave(ticket)
    assert (await send(api, identifier, 1, b"two"))[0] == 410
    assert (await send(api, "nobody.1", 0))[0] == 404


async def test_a_body_where_there_can_be_none_is_dropped(api: Api) -> None:
    ticket = api.submit(b"HEAD")
    identifier = await api.identifier()
    await send(api, identifier, 0, b"one")
    assert (await ticket.head()).end
    api.broker.complete(ticket)
    assert (await send(api, identifier, 1, bytes(MIB), end=True))[0] == 200


async def test_only_the_last_answers_are_remembered(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "REMEMBERED", 1)
    names = []
    for _ in range(2):
        api.submit()
        names.append(await api.identifier())
        await send(api, names[-1], 0, end=True)
    assert [(await send(api, name, 0, end=True))[0] for name in names] == [409, 200]
