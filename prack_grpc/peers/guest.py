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
        super().__init__(broker, limits, window)
        self.is_withdrawn = False
        self._number = number
        self._link = carrier
        self._events = Events(broker, limits, carrier.peer, self)
        self._particulars: dict[int, link.Particulars] = {}
        self.open(self._write_now)
        loop = asyncio.get_running_loop()
        self._writer = loop.create_task(self._write(), name="guest-writer")

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        if about := particulars(assignment):
            self._particulars[assignment.number] = about
        super().deliver(assignment)

    @property
    def is_idle(self) -> bool:
        """Nothing is out, and nothing waits to go out."""
        return not (self.held or self._requests)

    def take(self, message: link.ToOwner) -> None:
        """What the host says of exchanges. Raises DecodeError, StreamError."""
        self._events.apply(pb.WorkerFrame.FromString(message.frame))
        for failure in message.failures:
            if assignment := self.held.pop(failure.id, None):
                with suppress(LeaseError):  # it has ended meanwhile
                    self._fail(assignment, failure)

    def end(self) -> None:
        """The link is over, or the offer. What was never written was never started."""
        for assignment in reversed(self.close()):
            self._broker.put_back(assignment)
        self._writer.cancel()

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

    async def _write(self) -> None:
        while True:
            await self.wait()
            if (frame := self.next_frame()) is not None:
                self._send(frame.SerializeToString(), *self.bodies())
                await self._link.room()

    def _write_now(self) -> None:
        if (frame := self.next_frame()) is not None:
            self._send(frame.SerializeToString())

    def _send(self, *frames: bytes) -> None:
        for frame in frames:
            message = link.LinkMessage(to_host=link.ToHost(number=self._number, frame=frame))
            if self._particulars:
                written = [one for one in self._particulars if one <= self.last_sent]
                message.to_host.particulars.extend(map(self._particulars.pop, written))
            self._link.send(message.SerializeToString())
