"""The host's end of one exchange of a peer: its client is at the other end of the link.

House rules: windows go from end to end, so what is under way is bounded for each exchange, and
nothing waits on the link for one; after the last event of an exchange nothing more is said of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import chain

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError, WindowExceeded
from prack_grpc.core.http.message import ResponseHead
from prack_grpc.core.limits import PIECE
from prack_grpc.peers.answers import Answers

ABORTS: dict[ErrorKind, pb.AbortCode.ValueType] = {
    errors.REFUSED: pb.ABORT_CODE_REFUSED,
    errors.DEADLINE: pb.ABORT_CODE_TIMED_OUT,
    errors.UNSUPPORTED: pb.ABORT_CODE_UNSUPPORTED,
    errors.WORKER_ERROR: pb.ABORT_CODE_HANDLER_ERROR,
    errors.SLOW_READER: pb.ABORT_CODE_HANDLER_ERROR,
}
# All other errors leave it open whether a worker has begun.
FAILURES = {errors.BAD_RESPONSE: link.FAILURE_CODE_BAD_RESPONSE}


class Hosted:
    """One exchange: `id` is the owner's, for the offer of this `number`.

    Args:
        owner_window: bytes of the response that the owner takes before it asks for more.
        window: likewise of the request body, here.
        forget: called at its end.
    """

    ticket: Ticket

    def __init__(
        self,
        broker: PublicSide,
        answers: Answers,
        number: int,
        id_: int,
        owner_window: int,
        window: int,
        forget: "Callable[[Hosted], None]",
    ) -> None:
        self._broker = broker
        self._answers = answers
        self.number = number
        self.id = id_
        self._inline = min(owner_window, PIECE)
        self._allowed = owner_window
        self._sent = 0
        self._wider: asyncio.Future[None] | None = None
        self._window = self._granted = window
        self._uploaded = self._came = 0
        self._pieces: asyncio.Queue[tuple[bytes, bool]] | None = None  # while more is to come
        self._tasks: list[asyncio.Task[None]] = []
        self._forget = forget

    def begin(self, ticket: Ticket, message: pb.Request) -> None:
        """A worker has it."""
        self.ticket = ticket
        if not message.end:
            self._uploaded = self._came = len(message.body)
            self._pieces = asyncio.Queue()
            self._run(self._upload(self._pieces, message.expect_continue))

    # ------------------------------------------------------------ from the owner

    def upload(self, data: bytes, last: bool) -> None:
        """A piece of the request body. Raises WindowExceeded."""
        if self._pieces is None or not (data or last):
            return
        self._came += len(data)
        if self._came > self._granted:
            raise WindowExceeded(
                f"{self._came} bytes of a request body, the window allows {self._granted}"
            )
        self._pieces.put_nowait((data, last))
        if last:
            self._pieces = None

    def allow(self, offset: int) -> None:
        """The owner takes the response up to here."""
        self._allowed = max(self._allowed, offset)
        if self._wider is not None and not self._wider.done():
            self._wider.set_result(None)

    def end(self) -> None:
        """Say nothing more of it."""
        self._forget(self)
        for task in self._tasks:
            task.cancel()

    async def _upload(self, pieces: "asyncio.Queue[tuple[bytes, bool]]", expects: bool) -> None:
        if expects:
            await self.ticket.wanted()
            self._grant()
        last = False
        while not last:
            data, last = await pieces.get()
            await self._broker.upload(self.ticket, data, last)
            self._uploaded += len(data)
            if not last and self._granted - self._uploaded <= self._window // 2:
                self._grant()

    def _grant(self) -> None:
        self._granted = self._uploaded + self._window
        self._answers.frame(self.number).windows.add(id=self.id, max_offset=self._granted)

    # ------------------------------------------------------------ to the owner

    def news(self) -> None:
        """Something has come of it; nearly always a whole response."""
        self.ticket.news = None
        head = self.ticket.whole()
        if head is None or len(head.body) > self._inline:
            self._run(self._answer(head))
        else:
            self._say(head, head.body, True)
            self._complete()

    async def _answer(self, head: ResponseHead | None) -> None:
        try:
            await self._pass_on(head or await self.ticket.head())
            self._complete()
        except ClientGone as gone:
            gone.__traceback__ = None  # the ticket holds it, and so would hold this
        except GatewayError as error:
            error.__traceback__ = None
            self._fail(error)
            self.end()

    async def _pass_on(self, head: ResponseHead) -> None:
        while head.status < 200 and head.status != 101:
            self._say(head, b"", False)
            head = await self.ticket.head()
        if head.end and len(head.body) <= self._inline:
            self._say(head, head.body, True)
            return
        self._say(head, b"", False)
        if head.end:  # of a worker without a stream
            await self._pass(head.body)
        else:
            while (data := await self.ticket.chunk()) is not None:
                await self._pass(data)
                self._broker.consumed(self.ticket)
        trailers = chain.from_iterable(self.ticket.trailers)
        self._answers.frame(self.number).finishes.add(id=self.id, trailers=trailers)

    def _say(self, head: ResponseHead, body: bytes, end: bool) -> None:
        fields: list[bytes] = []
        for field in head.headers:
            fields += field
        message = self._answers.frame(self.number).heads.add()  # see Outbox
        message.id, message.status, message.end = self.id, head.status, end
        message.headers.extend(fields)
        message.body = body

    async def _pass(self, data: bytes) -> None:
        """As far as the owner takes it."""
        at = 0
        while at < len(data):
            most = min(PIECE, self._allowed - self._sent)
            if most > 0:
                piece = data[at : at + most]
                at += len(piece)
                self._sent += len(piece)
                await self._answers.piece(self.number, self.id, piece)
            else:
                self._wider = asyncio.get_running_loop().create_future()
                await self._wider

    def _fail(self, error: GatewayError) -> None:
        if (abort := ABORTS.get(error.kind)) is not None:
            aborts = self._answers.frame(self.number).aborts
            aborts.add(id=self.id, code=abort, message=error.detail)
        else:
            code = FAILURES.get(error.kind, link.FAILURE_CODE_LOST)
            self._answers.fail(self.number, self.id, code, error.detail)

    def _complete(self) -> None:
        self._broker.complete(self.ticket)
        self.end()

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="hosted")
        self._tasks.append(task)
