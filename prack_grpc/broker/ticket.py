"""The client's claim on a response, as futures."""

import asyncio
from collections.abc import Callable

from prack_grpc.core.errors import GatewayError, PrackError
from prack_grpc.core.exchange.exchange import Exchange
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.limits import KIB

PIECE = 64 * KIB
# Interim heads that wait for a slow client; the oldest are dropped, nothing depends on them.
MAX_HEADS = 16


class ClientGone(PrackError):
    """The client has left; nobody reads what is sent."""


class Ticket:
    """One coroutine may wait for the response, one may upload, one may collect the upload.

    As long as `news` is set, it is called in place of waking the first. The client's connection is
    always in this process, so every broker uses this class.
    """

    __slots__ = (
        "_collector",
        "_error",
        "_heads",
        "_loop",
        "_uploader",
        "_waiter",
        "exchange",
        "is_wanted",
        "news",
        "trailers",
    )

    exchange: Exchange
    is_wanted: bool  # a worker has asked for the request body
    trailers: Headers  # of the response, once `chunk` has returned None

    def __init__(
        self, loop: asyncio.AbstractEventLoop, news: Callable[[], None] | None = None
    ) -> None:
        self._loop = loop
        self.news = news
        self._heads: list[ResponseHead] = []
        self.is_wanted = False
        self.trailers = []
        self._error: GatewayError | ClientGone | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._uploader: asyncio.Future[None] | None = None
        self._collector: asyncio.Future[None] | None = None

    # ------------------------------------------------------------ the client's side

    async def head(self) -> ResponseHead:
        """The next head: interim ones (RFC 9110 section 15.2), then the final one.

        Raises GatewayError, or ClientGone after `Broker.leave`.
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
        download = self.exchange.download
        while True:
            if data := download.take(PIECE):
                return data
            if self._error:
                raise self._error
            if download.ended:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter

    async def wanted(self) -> None:
        """Wait until a worker wants the request body, or the exchange is over."""
        while not self.is_wanted and not self._error:
            await self.room()

    async def room(self) -> None:
        """Wait until more of the request body may be passed on, or the exchange is over."""
        if not self._error:
            self._uploader = self._loop.create_future()
            await self._uploader

    # ------------------------------------------------------------ the broker's side

    async def collecting(self) -> None:
        """Wait until more of the request body is here, or the exchange is over."""
        self._collector = self._loop.create_future()
        await self._collector

    def answer(self, head: ResponseHead) -> None:
        """A head is here."""
        self._heads.append(head)
        if len(self._heads) > MAX_HEADS:
            del self._heads[0]
        self.wake()

    def end(self, trailers: Headers) -> None:
        """The response body is complete."""
        self.trailers = trailers
        self.wake()

    def want(self) -> None:
        """A worker wants the request body."""
        self.is_wanted = True
        self.wake_upload()

    def fail(self, error: GatewayError | ClientGone) -> None:
        """The exchange is over."""
        if self._error is None:
            self._error = error
        self.wake()
        self.wake_upload()
        self.wake_collector()

    def leave(self) -> None:
        """The client has gone."""
        self.fail(ClientGone())

    def wake(self) -> None:
        """Something has changed for the response."""
        if self.news is not None:
            self.news()
        else:
            _wake(self._waiter)

    def wake_upload(self) -> None:
        """There may be room for more request body."""
        _wake(self._uploader)

    def wake_collector(self) -> None:
        """There is more request body."""
        _wake(self._collector)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
