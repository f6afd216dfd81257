"""What a worker's frame may hold: so many events and no more. With a canary beside it."""

from typing import Any

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.stream import frame
from prack_grpc.stream.errors import NotAFrame
from prack_grpc.stream.frame import MAX_EVENTS, MAX_OTHERS, MAX_PARTED, parse
from prack_grpc.stream.hello import MAX_HELLO
from prack_grpc.stream.stream import MAX_REFUSALS
from tests.conftest import Gateway
from tests.stream.conftest import Connect
from tests.support.canary import canary
from tests.support.plain_worker import PlainCall, framed
from tests.support.plain_worker import connect as connect_plain
from tests.support.scripted_worker import serialized

NEVER_SENT = pb.Finish(id=1 << 40)
KINDS: dict[str, Any] = {
    "heads": [pb.ResponseHead(id=1)],
    "data": [pb.Data(id=1)],
    "finishes": [NEVER_SENT],
    "aborts": [pb.Abort(id=1)],
    "windows": [pb.Window(id=1)],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_frame_of_too_many_events_ends_the_stream(
    gateway: Gateway, connect: Connect, kind: str
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        await worker.send(**{kind: KINDS[kind] * (MAX_EVENTS + 1)})
        error = await worker.event("error")
        assert (error.code, error.retry) == ("bad_frame", False)
        assert f"at most {MAX_EVENTS}" in error.message


async def test_a_hundred_thousand_tiny_events_cost_nobody_anything(
    gateway: Gateway, connect: Connect
) -> None:
    async with canary(gateway) as bird, connect(gateway) as worker:
        await worker.hello()
        await worker.send(finishes=[NEVER_SENT] * 100_000)
        await bird.answers(20)
        assert (await worker.event("error")).code == "bad_frame"


async def test_two_more_for_each_request_that_is_held(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get()
        request = await worker.event("requests")
        window = pb.Window(id=request.id, max_offset=1)
        await worker.send(windows=[window] * (MAX_EVENTS + 2))
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_frames_of_wrong_events_leave_the_others_their_turn(gateway: Gateway) -> None:
    wrong = framed(pb.WorkerFrame(finishes=[NEVER_SENT] * 128).SerializeToString())
    async with canary(gateway) as bird, connect_plain(gateway.api_port) as worker:
        await worker.hello()
        assert isinstance(worker.call, PlainCall)
        worker.call.stop_reading()
        await worker.call.send(wrong * 300)
        await bird.answers(20)


async def test_what_is_refused_is_logged_a_few_times_and_counted(
    gateway: Gateway, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway) as worker:
        await worker.hello()
        for _ in range(10):
            await worker.send(finishes=[NEVER_SENT] * MAX_EVENTS)
        await worker.send(heartbeat=pb.Heartbeat(nonce=7))
        while (await worker.event("heartbeat")).echo != 7:
            pass
        assert 1 <= worker.seen("refusals") <= 10 * MAX_EVENTS
    lines = [one for one in caplog.records if "rejected an event" in one.message]
    assert len(lines) == 10


async def test_refusals_that_a_worker_does_not_read_are_dropped(gateway: Gateway) -> None:
    largest = 0

    def look(one: pb.GatewayFrame) -> None:
        nonlocal largest
        largest = max(largest, len(one.refusals))

    async with connect_plain(gateway.api_port, on_frame=look) as worker:
        await worker.hello()
        message = pb.WorkerFrame(finishes=[NEVER_SENT] * 250).SerializeToString()
        assert isinstance(worker.call, PlainCall)
        await worker.call.send(framed(message) * 40)
        await worker.send(heartbeat=pb.Heartbeat(nonce=7))
        while (await worker.event("heartbeat")).echo != 7:
            pass
    assert 0 < largest <= MAX_REFUSALS


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (
            pb.Hello(worker_id="w1", features=["a" * 1000] * (MAX_HELLO // 1000)),
            str(MAX_HELLO),
        ),
        (pb.Hello(worker_id="w1", routes=[pb.Route()] * 65), "routes: 65"),
    ],
)
async def test_a_hello_is_small(
    gateway: Gateway, connect: Connect, hello: pb.Hello, reason: str
) -> None:
    hello.minor_min = hello.minor_max = 1
    hello.capacity.max_in_flight = 1
    async with connect(gateway) as worker:
        await worker.send(hello=hello)
        error = await worker.event("error")
        assert error.code in ("bad_hello", "bad_frame")
        assert reason in error.message


async def test_a_head_of_very_many_fields_is_refused_as_any_other(
    gateway: Gateway, connect: Connect
) -> None:
    async with canary(gateway) as bird, connect(gateway) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get()
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, headers=[b"a", b""] * 200_000)])
        await bird.answers(5)
        assert (await client.response()).status == 502
        assert (await worker.event("refusals")).code == pb.REFUSAL_CODE_INVALID_ARGUMENT


# ---------------------------------------------------------------- before it is parsed

UNKNOWN = [b"\xf8\x07\x80\x01", b"\xf9\x07" + bytes(8), b"\xfa\x07\x01a", b"\xfd\x07" + bytes(4)]


@pytest.mark.parametrize("field", UNKNOWN, ids=["varint", "fixed64", "sized", "fixed32"])
def test_fields_of_every_form_are_counted(field: bytes) -> None:
    most = frame.COUNTED // len(field)
    data = field * (most + MAX_OTHERS)
    assert len(data) > frame.COUNTED
    parse(data, most)
    with pytest.raises(NotAFrame, match=f"more than {most} events in one frame"):
        parse(data + field, most)


@pytest.mark.parametrize("data", [b"\xff" * 100_000, b"\x1a\xff" * 50_000, b"\x1b" * 100_000])
def test_what_is_no_message_is_none_whatever_its_size(data: bytes) -> None:
    with pytest.raises(NotAFrame):
        parse(data)


def test_bodies_of_any_size_are_few_events() -> None:
    large = pb.WorkerFrame(data=[pb.Data(id=1, data=bytes(64 * 1024))] * 60)
    assert parse(serialized(large)) == large


@pytest.mark.parametrize("kind", ["heads", "finishes"])
def test_an_event_of_many_small_parts_is_refused(kind: str) -> None:
    parse(serialized(_nested(kind, MAX_PARTED // 2 - 20)))
    with pytest.raises(NotAFrame, match=f"more than {MAX_PARTED} bytes of heads and trailers"):
        parse(serialized(_nested(kind, MAX_PARTED // 2 + 1)))


def _nested(kind: str, parts: int) -> pb.WorkerFrame:
    """A frame of one event with so many parts, of two bytes each when they are encoded."""
    fields: dict[str, Any] = {
        "heads": [pb.ResponseHead(headers=[b""] * parts)],
        "finishes": [pb.Finish(trailers=[b""] * parts)],
    }
    return pb.WorkerFrame(**{kind: fields[kind]})
