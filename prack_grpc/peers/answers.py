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

# What goes out together. Each may have fields and a body of 64 KiB, and a link takes 4 MiB.
MAX_EVENTS = 24


class Answers:
    """The frames to one owner."""

    def __init__(self, carrier: Link) -> None:
        self._link = carrier
        self._loop = asyncio.get_running_loop()
        self._messages: dict[int, link.LinkMessage] = {}
        self._frames: dict[int, pb.WorkerFrame] = {}  # in these
        self._events = 0  # in them
        self._lent: dict[int, link.Lent] = {}
        self._flushing: asyncio.Handle | None = None
        self._turn = asyncio.Lock()

    def frame(self, number: int, at_once: bool = False) -> pb.WorkerFrame:
        """What goes out next about this offer; one event is to be added to it.

        Whoever says `at_once` will `flush`.
        """
        if self._events == MAX_EVENTS:
            self.flush()
        self._events += 1
        frame = self._frames.get(number)
        if frame is None:
            message = self._messages[number] = link.LinkMessage()
            message.to_owner.number = number
            frame = self._frames[number] = message.to_owner.frame
        if not at_once and self._flushing is None:
            self._flush_soon()
        return frame

    def lend(self, number: int, slots: int, returned: int) -> None:
        """So many slots are lent: the last word of a turn counts, and goes before all events."""
        self._lent[number] = link.Lent(number=number, slots=slots, returned=returned)
        self._flush_soon()

    def fail(self, number: int, id_: int, code: link.FailureCode.ValueType, message: str) -> None:
        """The exchange is over, and no worker can say how."""
        self.frame(number)
        self._messages[number].to_owner.failures.add(id=id_, code=code, message=message)

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
        packed: list[bytes] = []
        if self._lent:
            lent, self._lent = self._lent, {}
            packed += [link.LinkMessage(lent=one).SerializeToString() for one in lent.values()]
        for message in self._messages.values():
            packed.append(message.SerializeToString())
        self._messages.clear()
        self._frames.clear()
        self._events = 0
        self._link.post(*packed)

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)
