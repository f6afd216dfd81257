"""A connection of the application's loop, which the link's thread takes over (decision 0071)."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from prack.v1 import worker_pb2 as pb
from prack_wire.frames import Deframer
from prack_worker.errors import ConnectFailed
from prack_worker.loops.link import link
from prack_worker.loops.pulse import Pulse
from prack_worker.stream.direct import Direct

CAPACITY = pb.Capacity(max_in_flight=8)
LARGE = pb.WorkerFrame(heads=[pb.ResponseHead(body=bytes(60_000))])


class Scene:
    """A connection, what came of it, and its other end, which blocks the loop where it waits."""

    def __init__(self, beat: float = 60.0) -> None:
        here, self.peer = socket.socketpair()
        here.setblocking(False)
        self.peer.settimeout(20)
        self._incoming = Deframer()
        self.direct = Direct(here, Deframer(), Pulse(link(), CAPACITY, beat, 60.0))
        self.targets: list[bytes] = []
        self.over: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.direct.open(self)

    def arrived(self, frame: pb.GatewayFrame) -> None:
        """See Receiver."""
        self.targets += [request.target for request in frame.requests]

    def broken(self, error: Exception | None) -> None:
        """See Receiver."""
        self.over.set_result(error)

    def ask(self, target: bytes) -> None:
        """A frame of the gateway."""
        message = pb.GatewayFrame(requests=[pb.Request(target=target)]).SerializeToString()
        self.peer.sendall(len(message).to_bytes(4, "big") + message)

    def frame(self) -> pb.WorkerFrame:
        """The next one of the worker."""
        while (message := self._incoming.next()) is None:
            self._incoming.feed(self.peer.recv(1 << 20))
        return pb.WorkerFrame.FromString(message)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.direct.close()
    scene.peer.close()


@pytest.fixture
async def quick() -> AsyncIterator[Scene]:
    scene = Scene(beat=0.03)
    yield scene
    await scene.direct.close()
    scene.peer.close()


async def test_what_comes_while_the_application_blocks_is_read_and_taken_in_order(
    quick: Scene,
) -> None:
    targets = [b"/%d" % number + b"x" * 60_000 for number in range(60)]
    for target in targets:
        quick.ask(target)  # far more than the kernel holds
    assert quick.targets == []
    quick.peer.close()
    assert await quick.over is None
    assert quick.targets == targets


async def test_an_application_that_blocks_is_offered_nothing_more(quick: Scene) -> None:
    while not (frame := quick.frame()).HasField("capacity"):
        assert frame.HasField("heartbeat")
    assert frame.capacity.max_in_flight == 1
    assert quick.frame().HasField("heartbeat")
    while not (frame := await asyncio.to_thread(quick.frame)).HasField("capacity"):
        assert frame.HasField("heartbeat")
    assert frame.capacity == CAPACITY


async def test_a_frame_that_is_half_written_is_finished_while_the_application_blocks(
    quick: Scene,
) -> None:
    written = 0
    while (write_now := quick.direct.write_now) is not None:
        write_now(LARGE)
        written += 1
    for _ in range(written):
        assert quick.frame() == LARGE
    assert quick.frame().ByteSize()  # a sign of life


async def test_who_writes_waits_until_the_kernel_has_it(scene: Scene) -> None:
    message, many = LARGE.SerializeToString(), 40
    writing = asyncio.create_task(scene.direct.write(*[message] * many))
    await asyncio.sleep(0)
    assert scene.direct.write_now is None
    for _ in range(many):
        assert await asyncio.to_thread(scene.frame) == LARGE
    await writing
    assert scene.direct.write_now is not None


async def test_the_end_is_told_once_with_what_came_before(scene: Scene) -> None:
    scene.ask(b"/last")
    scene.peer.close()
    assert await scene.over is None
    assert scene.targets == [b"/last"]
    scene.direct.say(LARGE)  # nobody will read it


async def test_nothing_behind_a_wrong_length_is_taken(scene: Scene) -> None:
    scene.peer.sendall(b"\xff\xff\xff\xff")
    scene.ask(b"/")
    assert isinstance(await scene.over, ConnectFailed)
    assert scene.targets == []
