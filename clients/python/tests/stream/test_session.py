"""Exchanges and sessions over real streams (proto/README.md)."""

import asyncio
import time

import grpc
import pytest
from fake_gateway import FakeGateway, GrpcGateway, Stream
from serving import App, serving

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ClientDisconnected, GatewayRefused
from prack_worker.exchange import CancelReason, Exchange
from prack_worker.transport import Route
from prack_worker.worker import Worker


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [(b"Content-Type", b"text/plain"), (b"x", b"1"), (b"x", b"2")])
    await exchange.send_body(b"hello", end=True)


async def test_a_small_response_is_one_event(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello):
        stream = await gateway.welcomed()
        number = await stream.request()
        frame = await stream.frame()
        assert frame == pb.WorkerFrame(
            heads=[
                pb.ResponseHead(
                    id=number,
                    status=200,
                    headers=[b"content-type", b"text/plain", b"x", b"1", b"x", b"2"],
                    body=b"hello",
                    end=True,
                )
            ]
        )


async def test_the_request_arrives_as_it_was_sent(gateway: FakeGateway) -> None:
    seen: asyncio.Queue[tuple[Exchange, bytes | None]] = asyncio.Queue()

    async def keep(exchange: Exchange) -> None:
        seen.put_nowait((exchange, exchange.body.complete()))

    async with serving(gateway.transport(), keep):
        stream = await gateway.welcomed()
        await stream.request(
            b"/a%2fb?x=%20",
            method=b"PUT",
            headers=[b"x", b"1", b"cookie", b"a", b"x", b"2"],
            body=b"abc",
            client=pb.Client(ip="192.0.2.1", port=99),
            attempt=2,
        )
        exchange, body = await seen.get()
        request = exchange.request
        assert (request.method, request.target, request.attempt) == ("PUT", b"/a%2fb?x=%20", 2)
        assert request.headers == [(b"x", b"1"), (b"cookie", b"a"), (b"x", b"2")]
        assert request.client == ("192.0.2.1", 99)
        assert body == b"abc"


async def test_a_streamed_body_is_read_in_order_and_the_window_is_widened(
    gateway: FakeGateway,
) -> None:
    received = bytearray()

    async def read(exchange: Exchange) -> None:
        end = False
        while not end:
            data, end = await exchange.receive_body()
            received.extend(data)
        await hello(exchange)

    async with serving(gateway.transport(), read):
        stream = await gateway.welcomed()
        number = await stream.request(end=False, body=b"first ")
        pieces = [bytes([65 + i]) * 64 * 1024 for i in range(4)]
        await stream.send(data=[pb.Data(id=number, data=piece) for piece in pieces])
        assert await stream.frame() == pb.WorkerFrame(
            windows=[pb.Window(id=number, max_offset=6 + 256 * 1024 + 512 * 1024)]
        )
        await stream.send(finishes=[pb.Finish(id=number)])
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].end
        assert received == b"first " + b"".join(pieces)


async def test_a_response_waits_at_the_window(gateway: FakeGateway) -> None:
    async def big(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        await exchange.send_body(b"x" * 300_000, end=True)

    async with serving(gateway.transport(), big):
        stream = await gateway.welcomed(limits=pb.Limits(initial_window=100_000))
        number = await stream.request()
        assert await body_until(stream, 100_000) == (100_000, False)
        await stream.send(windows=[pb.Window(id=number, max_offset=300_000)])
        assert await body_until(stream, 200_000) == (200_000, True)


async def body_until(stream: Stream, size: int) -> tuple[int, bool]:
    """Read frames until so many body bytes came; how many, and whether the body is finished."""
    received, finished = 0, False
    while received < size:
        frame = await stream.frame()
        assert frame is not None
        assert all(len(data.data) <= 64 * 1024 for data in frame.data)
        received += sum(len(data.data) for data in frame.data)
        finished = bool(frame.finishes)
    return received, finished


async def test_a_cancel_reaches_the_handler_and_is_answered(gateway: FakeGateway) -> None:
    async def wait(exchange: Exchange) -> None:
        await exchange.wait_over()
        assert exchange.cancelled is CancelReason.DEADLINE
        with pytest.raises(ClientDisconnected):
            await exchange.send_head(200, [])

    async with serving(gateway.transport(), wait):
        stream = await gateway.welcomed()
        number = await stream.request()
        await stream.send(cancels=[pb.Cancel(id=number, reason=pb.CANCEL_REASON_DEADLINE)])
        frame = await stream.frame()
        assert frame is not None
        assert [(abort.id, abort.code) for abort in frame.aborts] == [
            (number, pb.ABORT_CODE_CANCELLED)
        ]


async def test_a_handler_that_goes_on_after_a_cancel_is_interrupted(gateway: FakeGateway) -> None:
    async def stubborn(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with serving(gateway.transport(), stubborn, patience=0.01):
        stream = await gateway.welcomed()
        number = await stream.request()
        await stream.send(cancels=[pb.Cancel(id=number)])
        frame = await stream.frame()
        assert frame is not None
        assert frame.aborts[0].code == pb.ABORT_CODE_CANCELLED


async def test_a_refused_answer_ends_the_exchange_that_goes_on(gateway: FakeGateway) -> None:
    async def stream_on(exchange: Exchange) -> None:
        await exchange.send_head(200, [], b"x")
        await exchange.wait_over()

    async with serving(gateway.transport(), stream_on):
        stream = await gateway.welcomed()
        number = await stream.request()
        await stream.frame()
        await stream.send(refusals=[pb.Refusal(id=number, message="bad")])
        frame = await stream.frame()
        assert frame is not None
        assert frame.aborts[0].code == pb.ABORT_CODE_CANCELLED


async def test_an_oversized_head_is_the_handlers_error(gateway: FakeGateway) -> None:
    async def oversized(exchange: Exchange) -> None:
        await exchange.send_head(200, [(b"x", b"y" * 70_000)])

    async with serving(gateway.transport(), oversized):
        stream = await gateway.welcomed()
        await stream.request()
        frame = await stream.frame()
        assert frame is not None
        assert not frame.heads
        assert frame.aborts[0].code == pb.ABORT_CODE_HANDLER_ERROR


async def test_the_hello_says_who_dials(gateway: FakeGateway) -> None:
    route = Route("shop.example.com", "/cart", ("GET",))
    transport = gateway.transport("secret", service="web", version="7", routes=(route,))
    async with serving(transport, hello, slots=9):
        stream = await gateway.welcomed()
        said = stream.hello
    assert (said.worker_id, said.service, said.version) == ("w1", "web", "7")
    assert (said.minor_min, said.minor_max, said.capacity.max_in_flight) == (1, 1, 9)
    assert said.routes == [pb.Route(host="shop.example.com", path="/cart", methods=["GET"])]
    assert said.sdk.startswith("prack-worker/")
    assert stream.metadata["authorization"] == "Bearer secret"


async def test_heartbeats_go_both_ways(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello):
        stream = await gateway.welcomed(heartbeat_ms=20, dead_after_ms=60_000)
        await stream.send(heartbeat=pb.Heartbeat(nonce=77))
        frame = await stream.frame()
        assert frame is not None
        assert frame.heartbeat.echo == 77
        frame = await stream.frame()
        assert frame is not None
        assert frame.heartbeat.nonce


async def test_a_silent_gateway_is_given_up_and_dialled_again(gateway: FakeGateway) -> None:
    cancelled: asyncio.Queue[CancelReason | None] = asyncio.Queue()

    async def wait(exchange: Exchange) -> None:
        await exchange.wait_over()
        cancelled.put_nowait(exchange.cancelled)

    async with serving(gateway.transport(), wait):
        stream = await gateway.welcomed(heartbeat_ms=20, dead_after_ms=60)
        await stream.request()
        assert await cancelled.get() is CancelReason.GATEWAY_LOST
        assert (await gateway.stream()).hello.worker_id == "w1"


async def test_a_broken_stream_cancels_what_is_held_and_is_dialled_again(
    gateway: FakeGateway,
) -> None:
    cancelled: asyncio.Queue[CancelReason | None] = asyncio.Queue()

    started = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        started.set()
        await exchange.wait_over()
        cancelled.put_nowait(exchange.cancelled)

    async with serving(gateway.transport(), wait):
        stream = await gateway.welcomed()
        await stream.request()
        await started.wait()
        stream.end(grpc.StatusCode.UNAVAILABLE, "gone")
        assert await cancelled.get() is CancelReason.GATEWAY_LOST
        await gateway.stream()


async def test_a_gateway_that_stops_brings_what_is_left_while_the_worker_serves_the_next(
    gateway: FakeGateway,
) -> None:
    release = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await release.wait()
        await hello(exchange)

    async with serving(gateway.transport(), slow):
        stream = await gateway.welcomed()
        await stream.request()
        await stream.send(goaway=pb.Goaway(reconnect_in_ms=1))
        successor = await gateway.welcomed()
        await stream.request()
        await successor.request()
        await stream.send(goaway=pb.Goaway(last_id=2, drain_ack=True))
        release.set()
        heads = 0
        while (frame := await stream.frame()) is not None:
            heads += len(frame.heads)
        assert heads == 2
        stream.end()
        frame = await successor.frame()
        while frame is not None and not frame.heads:
            assert frame.HasField("capacity"), "the old session takes slots"
            frame = await successor.frame()
        assert frame is not None
        assert frame.heads[0].end


async def test_a_worker_that_was_replaced_dials_again_as_the_same_process(
    gateway: FakeGateway,
) -> None:
    async with serving(gateway.transport(), hello):
        stream = await gateway.welcomed()
        await stream.send(error=pb.StreamError(code="replaced", message="newer", retry=True))
        stream.end(grpc.StatusCode.ABORTED, "replaced: newer")
        again = await gateway.welcomed()
        assert len(stream.hello.instance) == 16
        assert again.hello.instance == stream.hello.instance


async def test_a_final_stream_error_ends_the_worker(gateway: FakeGateway) -> None:
    task = asyncio.create_task(Worker(App(hello), gateway.transport(), slots=1).run())
    stream = await gateway.welcomed()
    await stream.send(error=pb.StreamError(code="bad_frame", message="not a frame"))
    stream.end(grpc.StatusCode.INVALID_ARGUMENT, "bad_frame: not a frame")
    with pytest.raises(GatewayRefused, match="bad_frame: not a frame"):
        await task


async def test_a_hello_that_is_refused_for_good_ends_the_worker(gateway: FakeGateway) -> None:
    task = asyncio.create_task(Worker(App(hello), gateway.transport(), slots=1).run())
    stream = await gateway.stream()
    await stream.send(error=pb.StreamError(code="bad_hello", message="route"))
    stream.end(grpc.StatusCode.INVALID_ARGUMENT, "bad_hello: route")
    with pytest.raises(GatewayRefused, match="bad_hello: route"):
        await task


async def test_a_drain_is_acknowledged_before_the_half_close(gateway: FakeGateway) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        started.set()
        await release.wait()
        await hello(exchange)

    worker = Worker(App(slow), gateway.transport(), slots=2)
    task = asyncio.create_task(worker.run())
    stream = await gateway.welcomed()
    await stream.request()
    await started.wait()
    worker.drain()
    frame = await stream.frame()
    assert frame is not None
    assert frame.HasField("drain")
    await stream.request()  # was on its way when the drain was sent
    await stream.send(goaway=pb.Goaway(last_id=2, drain_ack=True))
    release.set()
    heads = 0
    while (frame := await stream.frame()) is not None:
        heads += len(frame.heads)
    assert heads == 2
    stream.end()
    await task


async def test_leftovers_of_a_grace_are_aborted(gateway: FakeGateway) -> None:
    started = asyncio.Event()

    async def stubborn(exchange: Exchange) -> None:
        started.set()
        await asyncio.Event().wait()

    worker = Worker(App(stubborn), gateway.transport(), slots=2, grace=0.05)
    task = asyncio.create_task(worker.run())
    stream = await gateway.welcomed()
    await stream.request()
    await started.wait()
    worker.drain()
    await stream.frame()
    await stream.send(goaway=pb.Goaway(last_id=1, drain_ack=True))
    frame = await stream.frame()
    assert frame is not None
    assert frame.aborts[0].code == pb.ABORT_CODE_HANDLER_ERROR
    assert await stream.frame() is None
    stream.end()
    await task


@pytest.mark.parametrize("gateway", [GrpcGateway], indirect=True)
async def test_a_missing_gateway_is_one_log_line(
    gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(gateway.transport(), hello):
        for _ in range(2):
            stream = await gateway.stream()
            stream.end(grpc.StatusCode.UNAUTHENTICATED, "no")
        await gateway.welcomed()
    lines = [record.getMessage() for record in caplog.records]
    assert sum("rejects this token" in line for line in lines) == 1
    assert gateway.address in lines[0]


async def test_a_loop_that_blocks_has_one_slot_until_it_goes_on(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello, slots=4):
        stream = await gateway.welcomed(heartbeat_ms=30, dead_after_ms=60_000)
        while (frame := await stream.frame()) and not frame.HasField("heartbeat"):
            pass  # then it watches
        time.sleep(0.5)  # noqa: ASYNC251 - the worker is in this loop, its connection is not
        offered: list[int] = []
        while len(offered) < 2:
            frame = await stream.frame()
            assert frame is not None
            if frame.HasField("capacity"):
                offered.append(frame.capacity.max_in_flight)
        assert offered == [1, 4]
