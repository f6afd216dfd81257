"""The host's end of one exchange of a peer: its client is at the other end of the link.

House rules: windows go from end to end, so what is under way is bounded for each exchange, and
nothing waits on the link for one; after the last event of an exchange nothing more is said of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import chain

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError, WindowExceeded
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import Flow
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


@dataclass(slots=True)
class Shared:
    """What all exchanges of one peer have in common.

    The owner takes `owner_window` bytes of a response before it asks for more, we `window` of a
    request body. Those that are `open` are known by offer and number; `forget` is called at the end
    of each.
    """

    broker: PublicSide
    answers: Answers
    loop: asyncio.AbstractEventLoop
    owner_window: int
    window: int
    forget: "Callable[[Hosted], None]"
    open: "dict[tuple[int, int], Hosted]"


class Hosted(Ticket):
    """One exchange, and its client's claim at once: nobody else waits for what comes of it.

    At its owner it is the exchange of this number, for the offer of that `number`.
    """

    __slots__ = (
        "_allowed",
        "_came",
        "_granted",
        "_is_new",
        "_pieces",
        "_sent",
        "_shared",
        "_tasks",
        "_uploaded",
        "_wider",
        "number",
        "there",
    )

    def __init__(self, shared: Shared, name: str, number: int, there: int) -> None:
        Ticket.__init__(self, shared.loop, name)  # `super()` takes longer
        self._shared = shared
        self.number = number
        self.there = there
        self._is_new = True  # nothing has come of it
        self._allowed = shared.owner_window
        self._sent = 0
        self._wider: asyncio.Future[None] | None = None
        self._granted = shared.window
        self._uploaded = self._came = 0
        self._pieces: asyncio.Queue[tuple[bytes, bool]] | None = None  # while more is to come
        self._tasks: list[asyncio.Task[None]] | None = None

    def read(self, message: pb.Request) -> None:
        """A worker has it, and more of its body is to come."""
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

    def drop(self) -> None:
        """Say nothing more of it."""
        self._is_new = False
        self._shared.forget(self)
        self._give_up()

    def _give_up(self) -> None:
        """End what goes on, such as an upload that a worker has answered before its end."""
        for task in self._tasks or ():
            task.cancel()

    async def _upload(self, pieces: "asyncio.Queue[tuple[bytes, bool]]", expects: bool) -> None:
        if expects:
            await self.wanted()
            self._grant()
        last = False
        while not last:
            data, last = await pieces.get()
            await self._shared.broker.upload(self, data, last)
            self._uploaded += len(data)
            if not last and self._granted - self._uploaded <= self._shared.window // 2:
                self._grant()

    def _grant(self) -> None:
        self._granted = self._uploaded + self._shared.window
        windows = self._shared.answers.frame(self.number).windows
        windows.add(id=self.there, max_offset=self._granted)

    # ------------------------------------------------------------ to the owner

    def taken(self, assignment: Assignment) -> None:
        """See AnswerReceiver. The owner keeps the time."""

    def answer(self, head: ResponseHead, download: Flow) -> None:
        """See AnswerReceiver. Nearly always it is a whole response, which needs no task."""
        if self._is_new and head.end and head.status >= 200 and self._fits(head.body):
            shared, self._is_new = self._shared, False
            self._say(head, head.body, True, len(shared.open) == 1)
            shared.broker.complete(self)
            self._give_up()
            shared.forget(self)
        else:
            super().answer(head, download)

    def more(self) -> None:
        """See AnswerReceiver."""
        if self._is_new:
            self._is_new = False
            self._run(self._answer())
        else:
            super().more()

    def _fits(self, body: bytes) -> bool:
        """It may go with its head."""
        return len(body) <= PIECE and len(body) <= self._shared.owner_window

    async def _answer(self) -> None:
        try:
            await self._pass_on(await self.head())
            self._complete()
        except ClientGone as gone:
            gone.__traceback__ = None  # the ticket holds it, and so would hold this
        except GatewayError as error:
            error.__traceback__ = None
            self._refuse(error)
            self.drop()

    async def _pass_on(self, head: ResponseHead) -> None:
        while head.status < 200 and head.status != 101:
            self._say(head, b"", False)
            head = await self.head()
        if head.end and self._fits(head.body):
            self._say(head, head.body, True)
            return
        self._say(head, b"", False)
        if head.end:  # of a worker without a stream
            await self._pass(head.body)
        else:
            while (data := await self.chunk()) is not None:
                await self._pass(data)
                self._shared.broker.consumed(self)
        trailers = chain.from_iterable(self.trailers)
        finishes = self._shared.answers.frame(self.number).finishes
        finishes.add(id=self.there, trailers=trailers)

    def _say(self, head: ResponseHead, body: bytes, end: bool, last: bool = False) -> None:
        """If it is the last answer that the peer waits for, `forget` has it sent."""
        fields: list[bytes] = []
        for field in head.headers:
            fields += field
        message = self._shared.answers.frame(self.number, last).heads.add()  # see Outbox
        message.id, message.status, message.end = self.there, head.status, end
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
                await self._shared.answers.piece(self.number, self.there, piece)
            else:
                self._wider = self._loop.create_future()
                await self._wider

    def _refuse(self, error: GatewayError) -> None:
        answers = self._shared.answers
        if (abort := ABORTS.get(error.kind)) is not None:
            aborts = answers.frame(self.number).aborts
            aborts.add(id=self.there, code=abort, message=error.detail)
        else:
            code = FAILURES.get(error.kind, link.FAILURE_CODE_LOST)
            answers.fail(self.number, self.there, code, error.detail)

    def _complete(self) -> None:
        self._shared.broker.complete(self)
        self.drop()

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work, name="hosted")
        self._tasks = [*(self._tasks or ()), task]
