"""What steers overtakes bodies on a link that is full, and bodies take turns."""

import asyncio

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.limits import MAX_HEAD, PIECE
from prack_grpc.peers.answers import Answers
from prack_wire.frames import MAX_FRAME
from tests.peers.carriers import Wire, turns


def frames(wire: Wire) -> list[tuple[int, pb.WorkerFrame]]:
    """What has been sent, and about which offer."""
    said = [one.to_owner for one in wire.sent]
    return [(one.number, one.frame) for one in said]


async def test_events_of_one_turn_are_one_frame_for_each_offer() -> None:
    wire = Wire()
    answers = Answers(wire)
    answers.frame(1).finishes.add(id=1)
    answers.frame(2).finishes.add(id=1)
    answers.frame(1).finishes.add(id=2)
    assert not wire.sent
    await turns()
    sent = [(number, [one.id for one in frame.finishes]) for number, frame in frames(wire)]
    assert sent == [(1, [1, 2]), (2, [1])]


async def test_what_is_lent_is_told_once_a_turn_and_before_events() -> None:
    wire = Wire()
    answers = Answers(wire)
    answers.lend(1, 4, 0)
    answers.frame(1).finishes.add(id=1)
    answers.lend(1, 3, 2)
    await turns()
    assert [one.WhichOneof("message") for one in wire.sent] == ["lent", "to_owner"]
    assert (wire.sent[0].lent.slots, wire.sent[0].lent.returned) == (3, 2)


async def test_a_failure_comes_behind_the_events_before_it() -> None:
    wire = Wire()
    answers = Answers(wire)
    answers.frame(3).data.add(id=1, data=b"x")
    answers.fail(3, 1, link.FAILURE_CODE_LOST, "gone")
    answers.flush()
    (message,) = wire.sent
    assert [one.code for one in message.to_owner.failures] == [link.FAILURE_CODE_LOST]
    assert message.to_owner.frame.data[0].data == b"x"
    await turns()
    assert len(wire.sent) == 1


async def test_what_steers_overtakes_bodies_that_wait_for_room() -> None:
    wire = Wire()
    answers = Answers(wire)
    wire.fill()
    pieces = [asyncio.create_task(answers.piece(1, id_, b"body")) for id_ in (1, 2)]
    await turns()
    answers.frame(1).heads.add(id=3, status=200, end=True)
    await turns()
    assert [len(frame.heads) for _, frame in frames(wire)] == [1]
    wire.drain()
    await asyncio.gather(*pieces)
    assert [one.id for _, frame in frames(wire) for one in frame.data] == [1, 2]


async def test_bodies_take_turns() -> None:
    wire = Wire()
    answers = Answers(wire)

    async def body(id_: int) -> None:
        for _ in range(3):
            await answers.piece(1, id_, b"piece")

    wire.fill()
    bodies = [asyncio.create_task(body(id_)) for id_ in (1, 2, 3)]
    await turns()
    wire.drain()
    await asyncio.gather(*bodies)
    assert [one.id for _, frame in frames(wire) for one in frame.data] == 3 * [1, 2, 3]


async def test_what_comes_in_one_turn_fits_into_what_a_link_takes() -> None:
    wire = Wire()
    answers = Answers(wire)
    fields, count = [b"x" * 16, b"y" * (MAX_HEAD - 16)], 100
    for id_ in range(count):
        answers.frame(1).heads.add(id=id_, headers=fields, body=bytes(PIECE), end=True)
    await turns()
    assert [one.id for _, frame in frames(wire) for one in frame.heads] == [*range(count)]
    assert max(message.ByteSize() for message in wire.sent) < MAX_FRAME
