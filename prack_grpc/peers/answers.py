"""What waits to be sent to the owner of hosted exchanges.

What steers goes out in the next turn of the loop, in one frame for each offer. Bodies take turns, a
piece at a time, and wait for room on the link: one that is large, or whose client does not read,
delays the others by a piece at most.
"""

import asyncio

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.bus.link import Link


class Answers:
    """The frames to one owner."""

    def __init__(self, carrier: Link) -> None:
        self._link = carrier
        self._loop = asyncio.get_running_loop()
        self._frames: dict[int, pb.WorkerFrame] = {}
        self._failures: dict[int, list[link.Failure]] = {}
        self._flushing: asyncio.Handle | None = None
        self._turn = asyncio.Lock()

    def frame(self, number: int) -> pb.WorkerFrame:
        """What goes out next about this offer; an event is to be added to it."""
        frame = self._frames.get(number)
        if frame is None:
            frame = self._frames[number] = pb.WorkerFrame()
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)
        return frame

    def fail(self, number: int, id_: int, code: link.FailureCode.ValueType, message: str) -> None:
        """The exchange is over, and no worker can say how."""
        self.frame(number)
        failure = link.Failure(id=id_, code=code, message=message)
        self._failures.setdefault(number, []).append(failure)

    async def piece(self, number: int, id_: int, data: bytes) -> None:
        """Send a piece of a body when it has its turn."""
        async with self._turn:
            await self._link.room()
            self.frame(number).data.add(id=id_, data=data)
            self.flush()

    def flush(self) -> None:
        """Send what is here."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        frames, self._frames = self._frames, {}
        failures, self._failures = self._failures, {}
        for number, frame in frames.items():
            answer = link.ToOwner(
                number=number, frame=frame.SerializeToString(), failures=failures.get(number, ())
            )
            self._link.send(link.LinkMessage(to_owner=answer).SerializeToString())
