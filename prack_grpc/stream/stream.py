"""One worker's stream: a reader that never waits for anything but the next frame, and a writer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import Membership, WorkerSide
from prack_grpc.core.errors import BadResponse, LeaseError, OutOfScope, WindowExceeded
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import Principal
from prack_grpc.stream import errors
from prack_grpc.stream.carrier import Carrier
from prack_grpc.stream.errors import NotAFrame, StreamError
from prack_grpc.stream.frame import COUNTED, MAX_EVENTS, parse
from prack_grpc.stream.hello import Slots, read_slots
from prack_grpc.stream.outbox import Outbox
from prack_grpc.telemetry.complaint import Complaint
from prack_wire.frames import FrameTooLong

log = logging.getLogger(__name__)

E = TypeVar("E", pb.ResponseHead, pb.Data, pb.Finish, pb.Abort)
LAST_FRAME_SECONDS = 1.0
# What a frame counts for at least, in events: one of none costs, too.
LEAST = 2
# Refusals that wait to be written; a worker that wants to know of more must read.
MAX_REFUSALS = 256
# Lines of the log, a minute.
MAX_PAUSES = 10
# That more of a response's fields are refused, they need not all be looked at for.
MAX_FLAT = 2 * 256
NO_SLOTS: Slots = 0, 0
ABORT_CODES = {code.value: code for code in AbortCode}


class Events:
    """What a worker says of the exchanges that its outbox has given it, applied."""

    def __init__(self, broker: WorkerSide, limits: Limits, worker: str, outbox: Outbox) -> None:
        self._broker = broker
        self._limits = limits
        self._worker = worker
        self._outbox = outbox
        self._refused = Complaint(log, "event_refused", "rejected an event of a worker", most=10)

    def apply(self, frame: pb.WorkerFrame) -> None:
        """In the order of proto/README.md section 1. Raises StreamError."""
        for head in frame.heads:
            self._event(head, self._head, head.end)
        if len(frame.ListFields()) < 2 and frame.heads:
            return  # nearly always; to look for what is not there takes longer
        for data in frame.data:
            self._event(data, self._data, False)
        for finish in frame.finishes:
            self._event(finish, self._finish, True)
        for abort in frame.aborts:
            self._event(abort, self._abort, True)
        for window in frame.windows:
            self._outbox.allow(window.id, window.max_offset)

    def _event(self, event: E, act: Callable[[Assignment, E], None], last: bool) -> None:
        """Apply one event; one that does not fit costs its own exchange, not the stream.

        After the `last` event of an exchange the worker says no more of it.
        """
        number = event.id
        assignment = self._outbox.held.get(number)
        if assignment is None:
            self._refuse(number, *(ENDED if 0 < number <= self._outbox.last_sent else NEVER_SENT))
            return
        try:
            act(assignment, event)
        except BadResponse as error:
            self._refuse(number, pb.REFUSAL_CODE_INVALID_ARGUMENT, str(error))
        except LeaseError as error:
            self._broker.spoil(assignment, str(error))
            if last and self._broker.progress(assignment) is Work.CANCELLED:
                self._broker.finish(assignment, [])
            self._refuse(number, pb.REFUSAL_CODE_INVALID_ARGUMENT, str(error))
        except WindowExceeded as error:
            message = f"exchange {number}: {error}; wait for `windows`"
            raise StreamError(errors.WINDOW_EXCEEDED, message) from error
        if last:
            del self._outbox.held[number]

    def _refuse(self, number: int, code: pb.RefusalCode.ValueType, message: str) -> None:
        self._refused.make(worker=self._worker, number=number, reason=message)
        refusals = self._outbox.control().refusals
        if len(refusals) < MAX_REFUSALS:
            refusals.add(id=number, code=code, message=message)

    def _head(self, assignment: Assignment, head: pb.ResponseHead) -> None:
        headers = _pairs(head.headers)
        self._broker.head(assignment, head.status, headers, head.body, head.end)

    def _data(self, assignment: Assignment, data: pb.Data) -> None:
        chunk = data.data  # copies it
        if len(chunk) > self._limits.chunk:
            message = (
                f"exchange {data.id}: {len(chunk)} bytes in one `data`, "
                f"the limit is {self._limits.chunk}"
            )
            raise StreamError(errors.CHUNK_TOO_LARGE, message)
        self._broker.data(assignment, chunk)

    def _finish(self, assignment: Assignment, finish: pb.Finish) -> None:
        self._broker.finish(assignment, _pairs(finish.trailers))

    def _abort(self, assignment: Assignment, abort: pb.Abort) -> None:
        code = ABORT_CODES.get(abort.code, AbortCode.HANDLER_ERROR)
        self._broker.abort(assignment, code, abort.message)


class Stream:
    """Carries events between one worker and the broker. `now` is in seconds."""

    def __init__(
        self,
        broker: WorkerSide,
        limits: Limits,
        member: Membership,
        outbox: Outbox,
        carrier: Carrier,
        now: Callable[[], float],
        slots: Slots,
    ) -> None:
        self._broker = broker
        self._limits = limits
        self._member = member
        self._outbox = outbox
        self._carrier = carrier
        self._now = now
        self._slots = slots  # that the worker has said last
        self._paused = False
        self._pauses = Complaint(log, "worker_paused", "worker paused", MAX_PAUSES, logging.INFO)
        self._resumes = Complaint(log, "worker_resumed", "worker resumed", MAX_PAUSES, logging.INFO)
        self._events = Events(broker, limits, member.worker, outbox)
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard_at = now()
        self.wrote_at = now()
        self.writing = False
        self.ended = False

    @property
    def principal(self) -> Principal:
        """Whose stream it is."""
        return self._carrier.principal

    @property
    def worker(self) -> str:
        """The name of the worker."""
        return self._member.worker

    async def run(self) -> None:
        """Serve the stream until it ends. Raises StreamError when it must be ended."""
        self._outbox.open(self._write_now)
        reader = asyncio.create_task(self._read(), name="stream-reader")
        writer = asyncio.create_task(self._write(), name="stream-writer")
        tasks = (self._stopped, reader, writer)
        ended: BaseException | None = None
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        except BaseException as error:
            ended = error  # is raised below: nothing is awaited in here, see docs/decisions/0066
        if isinstance(ended, StreamError):
            ended.tell(self._outbox.control().error)
        self.stop()  # an error from now on comes too late for anybody to hear
        reader.cancel()
        self._dismiss()
        await self._last_frame(reader, writer)
        if ended is not None:
            try:
                raise ended
            finally:
                ended = None  # its traceback holds this

    async def _last_frame(self, reader: asyncio.Task[None], writer: asyncio.Task[None]) -> None:
        # gRPC takes no other operation after a write that was cancelled half-way. A call that is
        # cancelled once more cancels it, too, and waits for it all the same.
        late = asyncio.get_running_loop().call_later(LAST_FRAME_SECONDS, writer.cancel)
        try:
            await asyncio.gather(reader, writer, return_exceptions=True)
        finally:
            late.cancel()

    def _dismiss(self) -> None:
        """What was never written was never started; what was written is lost."""
        self.ended = True
        self._broker.drain(self._member)
        for assignment in reversed(self._outbox.close()):
            self._broker.put_back(assignment)
        held = len(self._outbox.held)
        log.info(
            "worker lost with requests in progress" if held else "worker disconnected",
            extra={
                "action": "worker_lost" if held else "worker_left",
                "worker": self.worker,
                "held": held,
            },
        )
        self._broker.lose(self._member)

    def stop(self, error: StreamError | None = None) -> None:
        """End the stream, with an error or as agreed."""
        if self._stopped.done():
            return
        if error:
            self._stopped.set_exception(error)
            self._stopped.exception()  # a stream that is cancelled at this moment never looks
        else:
            self._stopped.set_result(None)

    def heartbeat(self) -> None:
        """Say something, so that the worker sees that the gateway lives."""
        self._outbox.control().heartbeat.SetInParent()

    def send_away(self, reconnect_in_ms: int, reason: str) -> None:
        """Have the worker dial another gateway; here it goes on."""
        goaway = self._outbox.control().goaway
        goaway.reconnect_in_ms = reconnect_in_ms
        goaway.reason = reason

    def dismiss(self, reconnect_in_ms: int, reason: str) -> None:
        """Give the worker nothing more: the last id that it was given is the last one for good."""
        last_number = self._broker.drain(self._member)
        self.send_away(reconnect_in_ms, reason)
        goaway = self._outbox.control().goaway
        goaway.last_id = last_number
        goaway.drain_ack = True

    # ------------------------------------------------------------ the two loops

    async def _write(self) -> None:
        while True:
            await self._outbox.wait()
            frame = self._outbox.next_frame()
            if frame is not None:
                self.writing, self.wrote_at = True, self._now()
                bodies = self._outbox.bodies()
                if not await self._carrier.write(frame.SerializeToString(), *bodies):
                    return
                self.writing = False
            elif self._outbox.closed:
                return

    def _write_now(self) -> None:
        if not self.writing:
            self.wrote_at = self._now()
            self._carrier.write_now(self._outbox.next_frame)

    async def _read(self) -> None:
        try:
            await self._carrier.each(self._take)
        except FrameTooLong as error:
            raise NotAFrame(str(error)) from None
        except DecodeError:
            raise NotAFrame from None

    def _take(self, data: bytes) -> int:
        """One frame; returns how many events it counts for."""
        if len(data) <= COUNTED:
            frame = pb.WorkerFrame.FromString(data)
        else:
            frame = parse(data, self._most_events())
        self.heard_at = self._now()
        events = self._count(frame)
        self._handle(frame)
        return max(LEAST, events)

    # ------------------------------------------------------------ events

    def _count(self, frame: pb.WorkerFrame) -> int:
        """The events of a frame. Raises StreamError if they are too many."""
        bodies = len(frame.heads) + len(frame.data) + len(frame.finishes)
        events = bodies + len(frame.aborts) + len(frame.windows)
        if events > MAX_EVENTS and events > (most := self._most_events()):
            raise NotAFrame(f"{events} events in one frame; at most {most} are taken")
        return events

    def _most_events(self) -> int:
        return MAX_EVENTS + 2 * len(self._outbox.held)

    def _handle(self, frame: pb.WorkerFrame) -> None:
        """The events of a frame, in the order of proto/README.md section 1."""
        if frame.HasField("hello"):
            raise StreamError(errors.HELLO_REPEATED, "only the first frame may contain `hello`")
        self._events.apply(frame)
        self._steer(frame)

    def _steer(self, frame: pb.WorkerFrame) -> None:
        if frame.HasField("capacity"):
            self._slots = read_slots(frame.capacity, self._limits)
            self._resize()
        if frame.HasField("pause"):
            self._pause(frame.pause.paused)
        if frame.HasField("drain"):
            self.dismiss(0, frame.drain.reason)
        if frame.HasField("heartbeat") and frame.heartbeat.nonce:
            self._outbox.control().heartbeat.echo = frame.heartbeat.nonce

    def _pause(self, paused: bool) -> None:
        if paused is self._paused:
            return
        self._paused = paused
        self._resize()
        (self._pauses if paused else self._resumes).make(worker=self.worker)

    def _resize(self) -> None:
        """A worker that has paused has no slots."""
        try:
            self._broker.resize(self._member, *(NO_SLOTS if self._paused else self._slots))
        except OutOfScope as error:
            raise StreamError(errors.NOT_ALLOWED, str(error)) from None


def _pairs(flat: Sequence[bytes]) -> Headers:
    if len(flat) % 2:
        return [(b"", b"")]  # a name without a value is no field: fail the check
    each = iter(flat[:MAX_FLAT])
    return list(zip(each, each, strict=True))


ENDED = (pb.REFUSAL_CODE_ALREADY_EXISTS, "this exchange has already ended")
NEVER_SENT = (pb.REFUSAL_CODE_NOT_FOUND, "no request with this id was sent on this stream")
