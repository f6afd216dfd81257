"""What waits to be sent to the owner of hosted exchanges.

What steers goes out in the next turn of the loop, in one frame for each offer. What is lent goes
before that: an owner must know of fewer slots before it hears of the ends that cost them. Bodies
take turns, a piece at a time, and wait for room on the link: one that is large, or whose client
does not read, delays the others by a piece at most.
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
        self._lent: dict[int, link.Lent] = {}
        self._flushing: asyncio.Handle | None = None
        self._turn = asyncio.Lock()

    def frame(self, number: int) -> pb.WorkerFrame:
        """What goes out next about this offer; an event is to be added to it."""
        frame = self._frames.get(number)
        if frame is None:
            frame = self._frames[number] = pb.WorkerFrame()
            self._flush_soon()
        return frame

    def lend(self, number: int, slots: int, returned: int) -> None:
        """So many slots are lent: the last word of a turn counts, and goes before all events."""
        self._lent[number] = link.Lent(number=number, slots=slots, returned=returned)
        self._flush_soon()

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
        messages: list[bytes] = []
        if self._lent:
            lent, self._lent = self._lent, {}
            messages += [link.LinkMessage(lent=one).SerializeToString() for one in lent.values()]
        frames, self._frames = self._frames, {}
        failures, self._failures = self._failures, {}
        for number, frame in frames.items():
            message = link.LinkMessage()
            answer = message.to_owner
            answer.number, answer.frame = number, frame.SerializeToString()
            if failures:
                answer.failures.extend(failures.get(number, ()))
            messages.append(message.SerializeToString())
        self._link.post(*messages)

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)
