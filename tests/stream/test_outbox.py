"""What an outbox writes, and when, without a stream below it."""

from collections import Counter

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import TRUSTED, Profile
from prack_grpc.stream.outbox import BATCH, Outbox
from tests.core.building import a_request

SLOTS = 20


class Scene:
    """An outbox whose kernel takes frames while there is `room`, and the frames that it took."""

    def __init__(self) -> None:
        limits = Limits()
        self.broker = MemoryBroker(limits)
        self.outbox = Outbox(self.broker, limits, limits.window)
        self.room = True
        self.frames: list[pb.GatewayFrame] = []
        self.outbox.open(self.write_now)
        self.broker.join(Profile("w", SLOTS, True), TRUSTED, self.outbox)

    def write_now(self) -> None:
        """See Connection."""
        if self.room:
            self.write()

    def write(self) -> None:
        """A frame, if there is something to say."""
        if frame := self.outbox.next_frame():
            self.frames.append(pb.GatewayFrame.FromString(frame.SerializeToString()))

    def submit(self, count: int) -> list[Ticket]:
        """So many requests."""
        return [
            self.broker.submit(a_request(target=b"/%d" % number), b"", True)
            for number in range(count)
        ]

    def ids(self) -> list[int]:
        """Of all requests that were written, in order."""
        return [request.id for frame in self.frames for request in frame.requests]


async def test_a_batch_is_written_before_the_turn_ends() -> None:
    scene = Scene()
    scene.submit(BATCH - 1)
    assert scene.frames == []
    scene.submit(1)
    assert scene.ids() == list(range(1, BATCH + 1))


async def test_without_room_a_batch_waits() -> None:
    scene = Scene()
    scene.room = False
    scene.submit(SLOTS)
    assert scene.frames == []
    scene.write()
    assert scene.ids() == list(range(1, SLOTS + 1))


async def test_a_slot_that_is_given_back_while_a_frame_is_packed_writes_nothing_twice() -> None:
    scene = Scene()
    scene.room = False
    tickets = scene.submit(2 * SLOTS)
    scene.broker.leave(tickets[5])
    scene.room = True
    scene.write()
    assert scene.outbox.next_frame() is None
    assert max(Counter(scene.ids()).values()) == 1
    assert scene.ids() == [number for number in range(1, SLOTS + 2) if number != 6]
