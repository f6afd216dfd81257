"""By which id client, worker, log and errors know a request, and where its time went."""

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway, Start
from tests.support.client import RawClient, Response
from tests.support.frames import open_socket
from tests.support.scripted_worker import ScriptedWorker, connect

ID, START, TIMING = b"x-request-id", b"x-request-start", b"server-timing"
PARENT = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
MADE = re.compile(rb"[0-9a-f]{32}")
BOTH = re.compile(rb"queue;dur=\d+\.\d, worker;dur=\d+\.\d")


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prack.access")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The access log as data."""
    return [vars(one) for one in caplog.records if one.name == "prack.access"]


def all_of(response: Response, name: bytes) -> list[bytes]:
    """Each value of this name."""
    return [value for key, value in response.headers if key == name]


def sent(request: pb.Request) -> dict[bytes, bytes]:
    """The fields that a worker was given."""
    return dict(zip(request.headers[::2], request.headers[1::2], strict=True))


async def exchanged(
    worker: ScriptedWorker, client: RawClient, *fields: bytes, answer: tuple[bytes, ...] = ()
) -> tuple[pb.Request, Response]:
    """A request with these fields, whose worker answers with those."""
    await client.get(b"/", *fields)
    request = await worker.event("requests")
    head = pb.ResponseHead(id=request.id, status=200, headers=answer, body=b"ok", end=True)
    await worker.send(heads=[head])
    return request, await client.response()


async def test_one_made_id_is_known_to_all(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        request, response = await exchanged(worker, await gateway.client())
    (id_,) = all_of(response, ID)
    assert MADE.fullmatch(id_)
    assert sent(request)[ID] == id_ == request.request_id.encode()
    (line,) = lines(caplog)
    assert line["request_id"] == id_.decode()
    assert not {"exchange", "trace_id"} & line.keys()


async def test_the_clients_id_is_known_to_all_and_names_nothing_of_ours(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        clients = [await gateway.client() for _ in range(2)]
        for client in clients:
            await client.get(b"/", b"X-Request-Id: mine-1")
        requests = [await worker.event("requests") for _ in clients]
        assert [sent(request)[ID] for request in requests] == [b"mine-1"] * 2
        ours = {request.request_id for request in requests}
        assert len(ours | {"mine-1"}) == 3
        for request in requests:
            await worker.answer(request)
        assert [all_of(await one.response(), ID) for one in clients] == [[b"mine-1"]] * 2
    assert {line["request_id"] for line in lines(caplog)} == {"mine-1"}
    assert {line["exchange"] for line in lines(caplog)} == ours


async def test_a_worker_may_write_the_id_itself(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        answer = (b"X-Request-ID", b"theirs", b"content-type", b"text/plain")
        _, response = await exchanged(worker, client, answer=answer)
    assert all_of(response, ID) == [b"theirs"]


async def test_errors_and_answers_of_the_gateway_have_it_too(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(queue_timeout=0.05)
    client = await gateway.client()
    await client.get(b"/", b"x-request-id: mine")
    response = await client.response()
    assert json.loads(response.body)["request_id"] == "mine"
    assert all_of(response, ID) == [b"mine"]
    await client.get(b"*", b"x-request-id: mine-2", method=b"OPTIONS")
    assert all_of(await client.response(bodiless=True), ID) == [b"mine-2"]
    refused = await gateway.client()
    await refused.get(b"/", b"x-request-id: mine-3", b"content_length: 1")
    (made,) = all_of(await refused.response(), ID)
    assert MADE.fullmatch(made)
    assert [line["request_id"] for line in lines(caplog)] == ["mine", "mine-2", made.decode()]


async def test_a_websocket_has_both_stamps(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        client = await gateway.client()
        opening = asyncio.create_task(open_socket(client, b"/chat", b"x-request-id: mine"))
        request = await worker.event("requests")
        assert sent(request)[ID] == b"mine"
        assert re.fullmatch(rb"t=\d{16}", sent(request)[START])
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert all_of(await opening, ID) == [b"mine"]
        await client.close()
        await worker.event("cancels")
    (line,) = lines(caplog)
    assert line["request_id"] == "mine"


async def test_a_trace_reaches_the_worker_untouched_and_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    fields = (b"traceparent: " + PARENT, b"tracestate: a=1", b"tracestate: b=2", b"baggage: k=v")
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        request, _ = await exchanged(worker, client, *fields)
        given = list(zip(request.headers[::2], request.headers[1::2], strict=True))
        for bad in (b"garbled", b"00-" + b"0" * 32 + PARENT[35:], PARENT[:-3]):
            await exchanged(worker, client, b"traceparent: " + bad)
    assert given[1:5] == [tuple(field.split(b": ")) for field in fields]
    assert [line.get("trace_id") for line in lines(caplog)] == ["a" * 32, None, None, None]


async def test_the_log_says_where_the_time_went(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(queue_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        await exchanged(worker, await gateway.client())
    lost = await gateway.client()
    await lost.get(b"/")
    await lost.response()
    answered, refused = lines(caplog)
    parts = [answered[name] for name in ("queued_ms", "worker_ms", "gateway_ms")]
    assert min(parts) >= 0
    assert sum(parts) <= answered["total_ms"] + 0.2  # each is rounded
    assert not {"worker_ms", "gateway_ms"} & refused.keys()


async def test_clients_are_told_where_the_time_went_if_they_are_to_be(start: Start) -> None:
    gateway = await start(server_timing=True)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        own = (b"server-timing", b"db;dur=5.3")
        _, response = await exchanged(worker, client, answer=own)
        first, second = all_of(response, TIMING)
        assert first == b"db;dur=5.3"
        assert BOTH.fullmatch(second)
        await client.get(b"/streamed")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"a")])
        assert BOTH.fullmatch((await client.head()).header(TIMING) or b"")


async def test_errors_say_what_is_known_of_the_time(start: Start) -> None:
    gateway = await start(server_timing=True, queue_timeout=0.05, head_timeout=0.05)
    unserved = await gateway.client()
    await unserved.get(b"/")
    assert re.fullmatch(rb"queue;dur=\d+\.\d", (await unserved.response()).header(TIMING) or b"")
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        late = await gateway.client()
        await late.get(b"/late")
        response = await late.response()
        assert response.status == 504
        assert BOTH.fullmatch(response.header(TIMING) or b"")


async def test_clients_are_not_told_unasked(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        _, response = await exchanged(worker, await gateway.client())
    assert response.header(TIMING) is None
