"""A broker behind a broker: the workers of the lower one answer what waits in the upper one.

To the upper broker it is a worker, to the lower one a client; it knows nothing of either but the
seam. Every event crosses it as bytes, as it would between two machines.
"""

import asyncio
import marshal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeVar

from prack_grpc.broker.seam import PublicSide, WorkerSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import BadResponse, GatewayError, LeaseError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.http.message import Kind, Request, ResponseHead
from prack_grpc.core.limits import PIECE
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED, Profile

T = TypeVar("T")
Submit = Callable[[Request, bytes, bool], Ticket]
CODES = {errors.DEADLINE: AbortCode.TIMED_OUT, errors.UNSUPPORTED: AbortCode.UNSUPPORTED}


def crossed(event: T) -> T:
    """The same, after it was bytes."""
    sent: Any = event
    there: T = marshal.loads(marshal.dumps(sent))  # noqa: S302 - they are our own bytes
    return there


def request_there(request: Request) -> Request:
    """A request on the other side."""
    names = [one.name for one in fields(Request) if one.name not in ("kind", "opening")]
    plain = {"kind": int(request.kind), "client": tuple(request.client)}
    sent = crossed({name: getattr(request, name) for name in names} | plain)
    return Request(**{**sent, "kind": Kind(sent["kind"])})


class Call:
    """One exchange on its way through."""

    def __init__(
        self, upper: WorkerSide, lower: PublicSide, submit: Submit, assignment: Assignment
    ) -> None:
        self._upper = upper
        self._lower = lower
        self._submit = submit
        self._assignment = assignment
        self._ticket: Ticket | None = None
        self.news = asyncio.Event()
        self.cancelled = False

    def cancel(self) -> None:
        """Nobody waits for it in the upper broker."""
        self.cancelled = True
        self.news.set()
        if self._ticket is not None:
            self._lower.leave(self._ticket)

    async def run(self) -> None:
        """From the hand-out to the end."""
        uploading = None
        try:
            request = request_there(self._assignment.request)
            self._ticket = self._submit(request, b"", self._assignment.bodiless)
            uploading = asyncio.create_task(self._upload(self._ticket))
            await self._answer(self._ticket)
        except ClientGone:
            await self.left()
        except GatewayError as error:
            self.failed(error)
        finally:
            if uploading is not None:
                uploading.cancel()
            if self._ticket is not None:
                self._lower.leave(self._ticket)

    async def left(self) -> None:
        """It was cancelled."""
        self.abort(AbortCode.CANCELLED)

    def failed(self, error: GatewayError) -> None:
        """The lower broker has no response for it."""
        if error.kind is errors.BAD_RESPONSE:
            self._upper.spoil(self._assignment, error.detail)
        busy = AbortCode.REFUSED if error.kind.status == 503 else AbortCode.HANDLER_ERROR
        self.abort(CODES.get(error.kind, busy))

    def abort(self, code: AbortCode) -> None:
        """The upper broker learns that there is none."""
        with suppress(LeaseError):
            self._upper.abort(self._assignment, code, "")

    async def _upload(self, ticket: Ticket) -> None:
        if self._assignment.bodiless:
            return
        if self._assignment.request.expects:
            await ticket.wanted()
        self._upper.allow(self._assignment, UNBOUNDED)
        while not self.cancelled:
            self.news.clear()
            piece = self._upper.take(self._assignment, PIECE)
            if piece.data or piece.last:
                await self._lower.upload(ticket, crossed(piece.data), piece.last)
            elif not piece.more:
                await self.news.wait()
            if piece.last:
                return

    async def _answer(self, ticket: Ticket) -> None:
        head = await self._head(ticket)
        if not head.end:
            while (data := await ticket.chunk()) is not None:
                await self._data(crossed(data))
                self._lower.consumed(ticket)
            self._upper.finish(self._assignment, crossed(ticket.trailers))
        self._lower.complete(ticket)

    async def _head(self, ticket: Ticket) -> ResponseHead:
        while True:
            head = await ticket.head()
            status, headers, body = crossed((head.status, head.headers, head.body))
            interim = status < 200 and status != 101
            with suppress(BadResponse):
                if head.end or interim:
                    self._upper.head(self._assignment, status, headers, body, not interim)
                else:  # the body comes again with `chunk`
                    self._upper.head(self._assignment, status, headers, b"", False)
            if not interim:
                return head

    async def _data(self, data: bytes) -> None:
        while data and not self.cancelled:
            self.news.clear()
            if room := self._upper.room(self._assignment):
                self._upper.data(self._assignment, data[:room])
                data = data[room:]
            else:
                await self.news.wait()


class Relay:
    """Implements `core.receivers.WorkReceiver` with another broker's clients' side."""

    def __init__(self, upper: WorkerSide, lower: PublicSide) -> None:
        self._upper = upper
        self._lower = lower
        self._calls: dict[Assignment, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, slots: int) -> None:
        """As a worker of the upper broker."""
        profile = Profile("relay", slots, True, kinds=(Kind.HTTP, Kind.WEBSOCKET))
        self._upper.join(profile, TRUSTED, self)

    def call(self, assignment: Assignment) -> Call:
        """How it goes through."""
        return Call(self._upper, self._lower, self._lower.submit, assignment)

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        call = self._calls[assignment] = self.call(assignment)
        task = asyncio.get_running_loop().create_task(call.run(), name="relay")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._calls.pop(assignment))

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver."""
        if call := self._calls.get(assignment):
            call.cancel()

    def uploaded(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        if call := self._calls.get(assignment):
            call.news.set()

    def grant(self, assignment: Assignment, offset: int) -> None:
        """See WorkReceiver."""
        self.uploaded(assignment)

    async def end(self) -> None:
        """Let go of everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
