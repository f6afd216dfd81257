"""In which frames answers go, over either carrier (proto/README.md, section 1)."""

import asyncio

from fake_gateway import FakeGateway, GrpcGateway, Stream
from serving import serving

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import Exchange


async def at_once(exchange: Exchange) -> None:
    await exchange.send_head(200, [], b"ok", end=True)


async def answers(stream: Stream, count: int) -> list[pb.WorkerFrame]:
    """The frames in which so many answers come, to requests that came in one frame."""
    await stream.send(
        requests=[pb.Request(id=number, end=True, deadline_ms=60_000) for number in range(count)]
    )
    frames: list[pb.WorkerFrame] = []
    while sum(len(frame.heads) for frame in frames) < count:
        frame = await stream.frame()
        assert frame is not None
        frames.append(frame)
    return frames


async def test_where_frames_cost_little_answers_do_not_wait_for_each_other(
    gateway: FakeGateway,
) -> None:
    async with serving(gateway.transport(), at_once, slots=20):
        frames = await answers(await gateway.welcomed(), 20)
    ids = [[head.id for head in frame.heads] for frame in frames]
    assert all(head.end for frame in frames for head in frame.heads)
    if isinstance(gateway, GrpcGateway):
        assert ids == [list(range(20))]
    else:
        assert ids == [list(range(8)), list(range(8, 16)), list(range(16, 20))]


async def test_the_parts_of_an_answer_stay_in_order_in_whatever_frames_they_go(
    gateway: FakeGateway,
) -> None:
    async def in_parts(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(0)
            await exchange.send_body(part * 40_000, end=part == b"c")

    async with serving(gateway.transport(), in_parts, slots=20):
        stream = await gateway.welcomed()
        frames = await answers(stream, 20)
        while sum(len(frame.finishes) for frame in frames) < 20:
            frame = await stream.frame()
            assert frame is not None
            frames.append(frame)
    assert_each_in_order(frames)


def assert_each_in_order(frames: list[pb.WorkerFrame]) -> None:
    bodies: dict[int, bytes] = {}
    finished = set()
    for frame in frames:
        for head in frame.heads:
            assert head.id not in bodies
            bodies[head.id] = head.body
        for data in frame.data:
            assert data.id not in finished
            bodies[data.id] += data.data
        finished |= {finish.id for finish in frame.finishes}
    assert list(bodies.values()) == [b"a" * 40_000 + b"b" * 40_000 + b"c" * 40_000] * 20
