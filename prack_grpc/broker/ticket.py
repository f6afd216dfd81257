"""The client's claim on a response, as futures, and the names of these claims."""

import asyncio
import secrets
import time
from collections.abc import Callable

from prack_grpc.core.errors import GatewayError, PrackError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.limits import PIECE
from prack_grpc.core.receivers import AnswerReceiver

# Interim heads that wait for a slow client; the oldest are dropped, nothing depends on them.
MAX_HEADS = 16
# A name has so many hexadecimal digits, the first of which are those of its gateway.
NAME_DIGITS, GATEWAY_DIGITS = 32, 8
NAMES = 64  # names for one system call, which takes longer than the rest
NO_TRAILERS: Headers = []  # of all who have none: nobody adds to it


class ClientGone(PrackError):
    """The client has left; nobody reads what is sent."""


class Ticket(AnswerReceiver):
    """The receiver of a client of this process.

    One coroutine may wait for the response, one may upload. As long as `news` is set, it is called
    in place of waking the first. `id` names the request, `route` says how it went; `assignment` is
    the last hand-out, at `handed`, and `earlier` are those before it. The request was accepted at
    `since`, and `answered` is when a worker's head came, all by `time.monotonic`; 0 if never.
    """

    __slots__ = (
        "_download",
        "_error",
        "_heads",
        "_loop",
        "_uploader",
        "_waiter",
        "answered",
        "assignment",
        "earlier",
        "handed",
        "id",
        "is_wanted",
        "left",
        "news",
        "route",
        "since",
        "trailers",
    )

    is_wanted: bool  # a worker has asked for the request body
    trailers: Headers  # of the response, once `chunk` has returned None

    def __init__(
        self, loop: asyncio.AbstractEventLoop, id_: str, news: Callable[[], None] | None = None
    ) -> None:
        self._loop = loop
        self.id = id_
        self.news = news
        self.assignment: Assignment | None = None
        self.earlier: tuple[tuple[Assignment, float], ...] = ()
        self.route = ""
        self.since = time.monotonic()
        self.handed = self.answered = 0.0
        self.left = False  # the client has gone before the end
        self._heads: list[ResponseHead] = []
        self._download = NO_BODY
        self.is_wanted = False
        self.trailers = NO_TRAILERS
        self._error: GatewayError | ClientGone | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._uploader: asyncio.Future[None] | None = None

    # ------------------------------------------------------------ the client's side

    async def head(self) -> ResponseHead:
        """The next head: interim ones (RFC 9110 section 15.2), then the final one.

        Raises GatewayError, or ClientGone after `PublicSide.leave`.
        """
        while not self._heads:
            if self._error:
                raise self._error
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._heads.pop(0)

    def whole(self) -> ResponseHead | None:
        """The response, if all of it is here in its head."""
        if len(self._heads) == 1 and (head := self._heads[0]).end and head.status >= 200:
            self._heads.clear()
            return head
        return None

    async def chunk(self) -> bytes | None:
        """The next piece of the response body, None at its end. Raises as `head` does.

        What was here before an error comes before it.
        """
        while True:
            if data := self._download.take(PIECE):
                return data
            if self._error:
                raise self._error
            if self._download.ended:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter

    async def wanted(self) -> None:
        """Wait until a worker wants the request body, or the exchange is over."""
        while not self.is_wanted and not self._error:
            await self.uploadable()

    async def uploadable(self) -> None:
        """Wait until more of the request body may be passed on, or the exchange is over."""
        if not self._error:
            self._uploader = self._loop.create_future()
            await self._uploader

    # ------------------------------------------------------------ AnswerReceiver

    def taken(self, assignment: Assignment) -> None:
        if self.assignment is not None:
            self.earlier = (*self.earlier, (self.assignment, self.handed))
        self.assignment = assignment
        self.handed = time.monotonic()
        if (trace := assignment.request.trace) is not None:
            trace.handed(assignment.request.headers)

    def answer(self, head: ResponseHead, download: Flow) -> None:
        self._download = download
        self._heads.append(head)
        self.answered = time.monotonic()
        if len(self._heads) > MAX_HEADS:
            del self._heads[0]
        self.more()

    def end(self, trailers: Headers) -> None:
        self.trailers = trailers
        self.more()

    def want(self) -> None:
        self.is_wanted = True
        self.room()

    def room(self) -> None:
        _wake(self._uploader)

    def more(self) -> None:
        if self.news is not None:
            self.news()
        else:
            _wake(self._waiter)

    def fail(self, error: GatewayError) -> None:
        self._end(error)

    def leave(self) -> None:
        """The client has gone."""
        self._end(ClientGone())

    def _end(self, error: GatewayError | ClientGone) -> None:
        if self._error is None:
            self._error = error
        self.more()
        self.room()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


class Identifiers:
    """Hands out names of 32 hexadecimal digits, which begin with the 8 of this gateway."""

    def __init__(self, gateway: str = "") -> None:
        self._gateway = gateway or gateway_id()
        self._names: list[str] = []

    def next(self) -> str:
        """A new name."""
        if not self._names:
            size = (NAME_DIGITS - GATEWAY_DIGITS) // 2
            self._names = secrets.token_bytes(size * NAMES).hex("-", size).split("-")
        return self._gateway + self._names.pop()


def another(name: str) -> str:
    """A new name of the same gateway."""
    return name[:GATEWAY_DIGITS] + secrets.token_hex((NAME_DIGITS - GATEWAY_DIGITS) // 2)


def gateway_id() -> str:
    """A new name of a gateway, by which others know it until it ends."""
    return secrets.token_hex(GATEWAY_DIGITS // 2)
