"""The owner's end of what a peer's workers hold: they are one worker of ours, a guest.

What it is handed goes over the link as frames of the worker protocol, and so do its answers.
"""

import asyncio
from contextlib import suppress

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import WorkerSide
from prack_grpc.bus.link import Link
from prack_grpc.core.errors import LeaseError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.limits import Limits
from prack_grpc.peers.relayed import particulars
from prack_grpc.stream.outbox import Outbox
from prack_grpc.stream.stream import Events


class Guest(Outbox):
    """Implements `core.receivers.WorkReceiver` for one offer of a peer.

    Once it `is_withdrawn` it gets nothing more.

    Args:
        number: of the offer.
        window: bytes of a request body that the host takes before it asks for more.
    """

    def __init__(
        self, broker: WorkerSide, limits: Limits, window: int, number: int, carrier: Link
    ) -> None:
        self._number = number
        self._link = carrier
        super().__init__(broker, limits, window)
        self.is_withdrawn = False
        self._events = Events(broker, limits, carrier.peer, self)
        self._particulars: dict[int, link.Particulars] = {}
        self._loop = asyncio.get_running_loop()
        self._writing: asyncio.Handle | None = None
        self._writer: asyncio.Task[None] | None = None  # while bodies wait for room on the link

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        request = assignment.request
        if request.kind or request.x_request_id != assignment.request_id:
            self._particulars[assignment.number] = particulars(assignment)
        Outbox.deliver(self, assignment)

    @property
    def is_idle(self) -> bool:
        """Nothing is out, and nothing waits to go out."""
        return not (self.held or self._requests)

    def take(self, message: link.ToOwner) -> None:
        """What the host says of exchanges. Raises StreamError."""
        self._events.apply(message.frame)
        for failure in message.failures:
            if assignment := self.held.pop(failure.id, None):
                with suppress(LeaseError):  # it has ended meanwhile
                    self._fail(assignment, failure)

    def end(self) -> None:
        """The link is over, or the offer. What was never written was never started."""
        for assignment in reversed(self.close()):
            self._broker.put_back(assignment)
        for one in (self._writing, self._writer):
            if one is not None:
                one.cancel()

    def _fail(self, assignment: Assignment, failure: link.Failure) -> None:
        broker = self._broker
        if broker.progress(assignment) is Work.CANCELLED:
            broker.abort(assignment, AbortCode.CANCELLED, failure.message)
        elif failure.code == link.FAILURE_CODE_GONE:
            broker.put_back(assignment)
        elif failure.code == link.FAILURE_CODE_BAD_RESPONSE:
            broker.spoil(assignment, failure.message)
            broker.finish(assignment, [])
        else:
            broker.lost(assignment, failure.message)

    # ------------------------------------------------------------ to the host

    def _rouse(self) -> None:
        """What comes in one turn of the loop is written in the next."""
        if self._writing is None:
            self._writing = self._loop.call_soon(self._write)

    def _write(self) -> None:
        """What steers, and requests, at once; but all together once bodies wait for room."""
        self._writing = None
        if self._writer is not None:
            return
        message = self._message
        if not self._uploads and self.next_frame() is not None:
            self._link.post(self._packed(message))
        if self._uploads:
            self._writer = self._loop.create_task(self._write_bodies(), name="guest-writer")
        elif self._requests:
            self._rouse()

    async def _write_bodies(self) -> None:
        while self._uploads or self._requests:
            await self._link.room()
            message = self._message
            if self.next_frame() is not None:
                bodies = [self._packed(_around(self._number, body)) for body in self.bodies()]
                self._link.post(self._packed(message), *bodies)
        self._writer = None
        self._rouse()

    def _new_frame(self) -> pb.GatewayFrame:
        """In a message of the link, so that it is packed once."""
        self._message = _around(self._number)
        return self._message.to_host.frame

    def _packed(self, message: link.LinkMessage) -> bytes:
        if self._particulars:
            written = [one for one in self._particulars if one <= self.last_sent]
            message.to_host.particulars.extend(map(self._particulars.pop, written))
        return message.SerializeToString()


def _around(number: int, frame: bytes = b"") -> link.LinkMessage:
    message = link.LinkMessage()
    there = message.to_host
    there.number = number
    if frame:
        there.frame.MergeFromString(frame)
    return message
