"""Rows G1 to G25 of docs/promises.md: a worker that breaks a rule, and only it, is told."""

import asyncio
from typing import Any

import grpc
import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.stream import streams as service
from tests.conftest import Gateway, Start
from tests.stream.conftest import Connect
from tests.support import plain_worker, scripted_worker
from tests.support.scripted_worker import ScriptedWorker

Untyped = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

CHUNK = 64 * 1024
NO_STATUS = None, None  # a plain connection just ends
FAILED, INVALID = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT


def hello(**fields: Any) -> pb.WorkerFrame:
    values: dict[str, Any] = {"worker_id": "w1", "minor_min": 1, "minor_max": 1}
    values["capacity"] = pb.Capacity(max_in_flight=1)
    return pb.WorkerFrame(hello=pb.Hello(**(values | fields)))


FIRST_FRAMES = [
    ("G3", b"\xff\xff\xff", INVALID, "bad_frame"),
    ("G6", pb.WorkerFrame(drain=pb.Drain()), FAILED, "hello_expected"),
    ("G6 empty", pb.WorkerFrame(), FAILED, "hello_expected"),
    ("G9", hello(minor_min=2, minor_max=3), FAILED, "version_unsupported"),
    ("G11 none", hello(capacity=pb.Capacity()), INVALID, "bad_capacity"),
    ("G11 many", hello(capacity=pb.Capacity(max_in_flight=10_001)), INVALID, "bad_capacity"),
    (
        "WebSockets",
        hello(capacity=pb.Capacity(max_in_flight=1, max_websockets=10_001)),
        INVALID,
        "bad_capacity",
    ),
    ("W35", hello(worker_id="a\nb"), INVALID, "bad_hello"),
    ("no name", hello(worker_id=""), INVALID, "bad_hello"),
    ("route", hello(routes=[pb.Route(host="a b")]), INVALID, "bad_hello"),
    ("routes", hello(routes=[pb.Route(path=f"/{n}") for n in range(65)]), INVALID, "bad_hello"),
]


@pytest.mark.parametrize(
    ("frame", "status", "code"), [row[1:] for row in FIRST_FRAMES], ids=[r[0] for r in FIRST_FRAMES]
)
async def test_a_bad_first_frame_ends_the_stream_with_its_reason(
    gateway: Gateway,
    frame: pb.WorkerFrame | bytes,
    status: grpc.StatusCode,
    code: str,
    connect: Connect,
) -> None:
    async with connect(gateway) as worker:
        await worker.call.write(frame)
        error = await worker.event("error")
        assert (error.code, error.retry) == (code, False)
        assert await worker.end() in ((status, f"{code}: {error.message}"), NO_STATUS)


async def expect_end(worker: ScriptedWorker, status: grpc.StatusCode, code: str) -> None:
    assert (await worker.event("error")).code == code
    assert (await worker.end())[0] in (status, None)


async def test_g7_a_second_hello_ends_the_stream(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        await worker.call.write(hello())
        await expect_end(worker, INVALID, "hello_repeated")


async def test_g2_an_unknown_method_is_unimplemented(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        call: Untyped = channel.unary_unary("/prack.v1.WorkerService/Nothing")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_get_info_says_what_the_gateway_speaks(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        call = channel.unary_unary(
            "/prack.v1.WorkerService/GetInfo",
            request_serializer=pb.GetInfoRequest.SerializeToString,
            response_deserializer=pb.GetInfoResponse.FromString,
        )
        info = await call(pb.GetInfoRequest())
    assert (info.minor_min, info.minor_max, info.limits.max_slots) == (1, 1, 10_000)


async def leased(gateway: Gateway, worker: ScriptedWorker) -> tuple[Any, pb.Request]:
    """A client that waits, and its request in the worker's hands."""
    client = await gateway.client()
    await client.get(b"/")
    return client, await worker.event("requests")


@pytest.mark.parametrize("number", [2, 99])
async def test_g12_an_id_that_was_never_sent_is_refused(
    gateway: Gateway, number: int, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client, request = await leased(gateway, worker)
        await worker.send(heads=[pb.ResponseHead(id=number, status=200, end=True)])
        refusal = await worker.event("refusals")
        assert (refusal.id, refusal.code) == (number, pb.REFUSAL_CODE_NOT_FOUND)
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_g14_a_second_answer_is_refused_and_the_first_counts(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client, request = await leased(gateway, worker)
        await worker.answer(request, body=b"first")
        await worker.answer(request, body=b"second")
        refusal = await worker.event("refusals")
        assert (refusal.id, refusal.code) == (request.id, pb.REFUSAL_CODE_ALREADY_EXISTS)
        assert (await client.response()).body == b"first"


async def test_g15_data_before_the_head_is_refused_and_the_client_gets_502(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client, request = await leased(gateway, worker)
        await worker.send(data=[pb.Data(id=request.id, data=b"x")])
        refusal = await worker.event("refusals")
        assert (refusal.id, refusal.code) == (request.id, pb.REFUSAL_CODE_INVALID_ARGUMENT)
        assert (await client.response()).status == 502


async def test_a_finish_before_the_head_gives_the_slot_back(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client, request = await leased(gateway, worker)
        await worker.send(finishes=[pb.Finish(id=request.id)])
        assert (await worker.event("refusals")).id == request.id
        assert (await client.response()).status == 502
        await client.get(b"/next")
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200


BAD_HEADS = [
    ("W15", {"status": 99}),
    ("W15 high", {"status": 600}),
    ("W16", {"status": 101}),
    ("W17", {"headers": [b"x y", b"1"]}),
    ("W17 empty", {"headers": [b"", b"1"]}),
    ("W17 8-bit", {"headers": [b"\xe9", b"1"]}),
    ("W18", {"headers": [b"x", b"a\r\nb: c"]}),
    ("W21 twice", {"headers": [b"content-length", b"2", b"content-length", b"2"]}),
    ("W21 sign", {"headers": [b"content-length", b"+2"]}),
    ("W26", {"headers": [b"x", b"1"] * 101}),
    ("odd", {"headers": [b"x"]}),
]


@pytest.mark.parametrize(("fields"), [row[1] for row in BAD_HEADS], ids=[r[0] for r in BAD_HEADS])
@pytest.mark.parametrize("end", [True, False])
async def test_g17_a_malformed_head_is_refused_and_the_client_gets_502(
    gateway: Gateway, fields: dict[str, Any], end: bool, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client, request = await leased(gateway, worker)
        about: dict[str, Any] = {"id": request.id, "status": 200, "body": b"ok", "end": end}
        head = pb.ResponseHead(**(about | fields))
        await worker.send(heads=[head])
        refusal = await worker.event("refusals")
        assert (refusal.id, refusal.code) == (request.id, pb.REFUSAL_CODE_INVALID_ARGUMENT)
        response = await client.response()
        assert response.status == 502
        assert b'"bad_worker_response"' in response.body
        if not end:
            await worker.send(finishes=[pb.Finish(id=request.id)])
        # The slot is free again.
        await client.get(b"/next")
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200


async def test_a_worker_that_sends_past_its_window_loses_its_stream(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client, request = await leased(gateway, worker)
        client.stop_reading()
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        data = [pb.Data(id=request.id, data=bytes(CHUNK))] * 40
        await worker.send(data=data)
        await expect_end(worker, INVALID, "window_exceeded")
        client.reset()


async def test_a_chunk_over_the_limit_ends_the_stream(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client, request = await leased(gateway, worker)
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        await worker.send(data=[pb.Data(id=request.id, data=bytes(CHUNK + 1))])
        await expect_end(worker, INVALID, "chunk_too_large")
        client.reset()


async def test_g10_unknown_fields_are_ignored(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        await worker.call.write(b"\xba\x01\x02hi")  # field 23, two bytes
        client, request = await leased(gateway, worker)
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_g25_the_newer_stream_of_a_process_replaces_the_older(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as old, connect(gateway) as new:
        await old.hello(instance=b"one")
        await new.hello(instance=b"one")
        error = await old.event("error")
        assert (error.code, error.retry) == ("replaced", True)
        assert (await old.end())[0] in (grpc.StatusCode.ABORTED, None)
        client, request = await leased(gateway, new)
        await new.answer(request)
        assert (await client.response()).status == 200


@pytest.mark.parametrize(("first", "second"), [(b"one", b"two"), (b"one", b""), (b"", b"")])
async def test_g25_another_process_does_not_take_the_name_of_a_living_worker(
    gateway: Gateway, connect: Connect, first: bytes, second: bytes
) -> None:
    async with connect(gateway) as old, connect(gateway) as new:
        await old.hello(instance=first)
        await new.send(hello=hello(instance=second).hello)
        error = await new.event("error")
        assert (error.code, error.retry) == ("worker_id_taken", True)
        assert (await new.end())[0] in (grpc.StatusCode.ALREADY_EXISTS, None)
        client, request = await leased(gateway, old)
        await old.answer(request)
        assert (await client.response()).status == 200
        await old.close()
        while gateway.core.queue.sessions:  # noqa: ASYNC110 - the gateway sees that it has gone
            await asyncio.sleep(0)
    async with connect(gateway) as again:
        await again.hello(instance=second)


async def test_an_instance_has_a_bound(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.send(hello=hello(instance=bytes(65)).hello)
        await expect_end(worker, INVALID, "bad_hello")


async def test_g1_without_the_token_no_frame_is_read(start: Start) -> None:
    token = "t" * 32
    gateway = await start(token=token)
    for wrong in (None, "t" * 31, "x" * 32):
        async with scripted_worker.connect(gateway.grpc_port, wrong) as worker:
            assert (await worker.end())[0] is grpc.StatusCode.UNAUTHENTICATED
    async with scripted_worker.connect(gateway.grpc_port, token) as worker:
        await worker.hello()


async def test_a_drain_is_acknowledged_with_the_last_id_and_nothing_comes_after(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=2)
        client, request = await leased(gateway, worker)
        await worker.send(drain=pb.Drain(reason="stopping"))
        goaway = await worker.event("goaway")
        assert (goaway.drain_ack, goaway.last_id) == (True, request.id)
        waiting = await gateway.client()
        await waiting.get(b"/waits")
        await worker.answer(request)
        assert (await client.response()).status == 200
        await worker.call.done_writing()
        assert (await worker.end())[0] in (grpc.StatusCode.OK, None)
        async with connect(gateway) as other:
            await other.hello("w2")
            await other.answer(await other.event("requests"))
            assert (await waiting.response()).status == 200


async def test_a_heartbeat_is_echoed(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        await worker.send(heartbeat=pb.Heartbeat(nonce=7))
        assert (await worker.event("heartbeat")).echo == 7


async def test_g19_a_silent_worker_is_given_up(start: Start, connect: Connect) -> None:
    gateway = await start(max_silence=1)
    async with connect(gateway) as worker:
        await worker.hello()
        client, _ = await leased(gateway, worker)
        await expect_end(worker, grpc.StatusCode.DEADLINE_EXCEEDED, "silent")
        client.reset()


async def test_g8_a_worker_without_a_hello_is_sent_away(
    gateway: Gateway, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HELLO_SECONDS", 0.05)
    async with connect(gateway) as worker:
        await expect_end(worker, grpc.StatusCode.DEADLINE_EXCEEDED, "hello_timeout")


async def test_more_slots_let_more_requests_in(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1)
        client, first = await leased(gateway, worker)
        other = await gateway.client()
        await other.get(b"/second")
        await worker.send(capacity=pb.Capacity(max_in_flight=2))
        second = await worker.event("requests")
        await worker.answer(first)
        await worker.answer(second)
        assert (await client.response()).status == (await other.response()).status == 200
        await worker.send(capacity=pb.Capacity(max_in_flight=0))
        await expect_end(worker, INVALID, "bad_capacity")


async def test_streams_without_a_hello_are_bounded(
    gateway: Gateway, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_OPENING", 1)
    async with plain_worker.connect(gateway.api_port) as silent:
        async with connect(gateway) as worker:
            error = await worker.event("error")
            assert (error.code, error.retry) == ("too_many_workers", True)
        await silent.hello("w1")
        async with connect(gateway) as worker:
            await worker.hello("w2")
