"""How events are packed into frames (proto/README.md, sections 1 and 5)."""

import asyncio

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import AbortCode
from prack_worker.stream.exchange import StreamExchange
from prack_worker.stream.outbox import Outbox
from prack_worker.stream.windows import Limits

LIMITS = Limits.of(pb.Limits())


def exchange(outbox: Outbox, number: int) -> StreamExchange:
    message = pb.Request(id=number, end=True, deadline_ms=1000)
    return StreamExchange(message, 0.0, outbox, LIMITS, lambda number: None)


async def frame(outbox: Outbox) -> pb.WorkerFrame:
    frame = await asyncio.wait_for(outbox.next_frame(), 1)
    assert frame is not None
    return frame


async def test_what_queued_up_goes_out_together_32_at_most() -> None:
    outbox = Outbox()
    for number in range(40):
        await exchange(outbox, number).send_head(200, [], b"x", end=True)
    assert [head.id for head in (await frame(outbox)).heads] == list(range(32))
    assert [head.id for head in (await frame(outbox)).heads] == list(range(32, 40))


async def test_a_frame_holds_about_64_kib() -> None:
    outbox = Outbox()
    for number in range(4):
        await exchange(outbox, number).send_head(200, [], b"x" * 40_000, end=True)
    assert len((await frame(outbox)).heads) == 2


async def test_large_heads_count_too() -> None:
    outbox = Outbox()
    for number in range(4):
        await exchange(outbox, number).send_head(200, [(b"x", b"y" * 40_000)], end=True)
    assert len((await frame(outbox)).heads) == 2


async def test_a_late_body_rides_in_a_head_that_was_not_written_yet() -> None:
    outbox = Outbox()
    response = exchange(outbox, 1)
    await response.send_head(200, [])
    await response.send_body(b"a")
    await response.send_body(b"b", end=True)
    assert await frame(outbox) == pb.WorkerFrame(
        heads=[pb.ResponseHead(id=1, status=200, body=b"ab", end=True)]
    )


async def test_a_body_goes_after_its_head() -> None:
    outbox = Outbox()
    response = exchange(outbox, 1)
    await response.send_head(200, [])
    assert (await frame(outbox)).heads[0].end is False
    await response.send_body(b"a")
    assert (await frame(outbox)).data == [pb.Data(id=1, data=b"a")]
    await response.send_body(b"b", end=True)
    assert await frame(outbox) == pb.WorkerFrame(
        data=[pb.Data(id=1, data=b"b")], finishes=[pb.Finish(id=1)]
    )


async def test_responses_take_turns() -> None:
    outbox = Outbox()
    for number in (1, 2):
        response = exchange(outbox, number)
        await response.send_head(200, [])
        await frame(outbox)
        await response.send_body(b"x" * 200_000)
    turns = [(await frame(outbox)).data[0].id for _ in range(4)]
    assert turns == [1, 2, 1, 2]


async def bodies(outbox: Outbox, *sizes: int) -> None:
    """So many responses whose heads have gone; each sends so much of its body."""
    responses = [exchange(outbox, number) for number in range(1, len(sizes) + 1)]
    for response in responses:
        await response.send_head(200, [])
    await frame(outbox)
    for response, size in zip(responses, sizes, strict=True):
        await response.send_body(b"x" * size)


def as_one(frames: list[bytes]) -> pb.WorkerFrame:
    return pb.WorkerFrame.FromString(b"".join(frames))


async def test_a_write_takes_four_frames_of_body_bytes() -> None:
    outbox = Outbox()
    await bodies(outbox, 2 * 65536, 4 * 65536)
    first = await frame(outbox)
    written = as_one([first.SerializeToString(), *outbox.bodies()])
    assert [data.id for data in written.data] == [1, 2, 1, 2]
    assert [data.id for data in as_one(outbox.bodies()).data] == [2, 2]


async def test_the_end_of_a_body_goes_with_its_last_bytes() -> None:
    outbox = Outbox()
    response = exchange(outbox, 1)
    await response.send_head(200, [])
    await frame(outbox)
    await response.send_body(b"x" * 100_000, end=True)
    await frame(outbox)
    assert as_one(outbox.bodies()).finishes == [pb.Finish(id=1)]


async def test_nothing_is_written_once_every_body_was() -> None:
    outbox = Outbox()
    await bodies(outbox, 100_000)
    await frame(outbox)
    assert len(outbox.bodies()) == 1
    assert outbox.bodies() == []
    waiting = asyncio.ensure_future(outbox.next_frame())
    await asyncio.wait((waiting,), timeout=0.01)
    assert not waiting.done()
    outbox.steer().drain.reason = "stop"
    assert (await waiting) == pb.WorkerFrame(drain=pb.Drain(reason="stop"))


async def test_heads_do_not_wait_behind_more_bodies() -> None:
    outbox = Outbox()
    await bodies(outbox, 200_000)
    for number in range(2, 40):
        await exchange(outbox, number).send_head(200, [], b"x", end=True)
    assert len((await frame(outbox)).heads) == 32
    assert outbox.bodies() == []


async def test_a_head_overtakes_the_bodies_of_others() -> None:
    outbox = Outbox()
    large = exchange(outbox, 1)
    await large.send_head(200, [])
    await frame(outbox)
    await large.send_body(b"x" * 200_000)
    await exchange(outbox, 2).send_head(200, [], b"small", end=True)
    assert (await frame(outbox)).heads[0].id == 2


async def test_steering_overtakes_everything() -> None:
    outbox = Outbox()
    for number in range(40):
        await exchange(outbox, number).send_head(200, [], b"x", end=True)
    outbox.steer().drain.reason = "stop"
    assert (await frame(outbox)).HasField("drain")


async def test_an_abort_takes_back_what_was_not_written() -> None:
    outbox = Outbox()
    response = exchange(outbox, 1)
    await response.send_head(200, [])
    response.abort(AbortCode.HANDLER_ERROR, "no")
    response.abort(AbortCode.HANDLER_ERROR, "again")
    assert await frame(outbox) == pb.WorkerFrame(
        aborts=[pb.Abort(id=1, code=pb.ABORT_CODE_HANDLER_ERROR, message="no")]
    )


async def test_a_closed_outbox_hands_out_the_rest_and_then_nothing() -> None:
    outbox = Outbox()
    await exchange(outbox, 1).send_head(200, [], end=True)
    outbox.close()
    assert len((await frame(outbox)).heads) == 1
    assert await outbox.next_frame() is None


async def test_what_was_taken_meanwhile_makes_no_empty_frame() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.next_frame())
    await asyncio.sleep(0)
    await exchange(outbox, 1).send_head(200, [], end=True)
    assert [head.id for head in outbox.take().heads] == [1]
    await asyncio.sleep(0)
    assert not waiting.done()
    await exchange(outbox, 2).send_head(200, [], end=True)
    second = await asyncio.wait_for(waiting, 1)
    assert second is not None
    assert [head.id for head in second.heads] == [2]


async def test_a_closed_outbox_leaves_what_waits_to_its_writer() -> None:
    outbox = Outbox()
    for number in range(8):
        assert not outbox.enough(last=False)
        assert outbox.enough(last=True)
        await exchange(outbox, number).send_head(200, [], end=True)
    assert outbox.enough(last=False)
    outbox.close()
    assert not outbox.enough(last=False)
    assert not outbox.enough(last=True)


async def test_what_need_not_wait_is_written_when_the_turn_ends() -> None:
    outbox, written = Outbox(), list[pb.WorkerFrame]()
    outbox.open(lambda: written.append(outbox.take()))
    waiting = asyncio.create_task(outbox.next_frame())
    for number in range(3):
        await exchange(outbox, number).send_head(200, [], end=True)
    assert written == []
    await asyncio.sleep(0)
    assert [head.id for head in written[0].heads] == [0, 1, 2]
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_what_cannot_be_written_now_wakes_who_waits() -> None:
    outbox = Outbox()
    outbox.open(lambda: None)
    await exchange(outbox, 1).send_head(200, [], end=True)
    assert [head.id for head in (await frame(outbox)).heads] == [1]
