"""Request bodies that a worker takes only in one piece, here or at a peer."""

import asyncio
from collections.abc import Callable, Hashable

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.states import Work


class Collecting:
    """Who waits for the rest of a request body; `crowded` says that some wait for room for it.

    Of the clients that wait for room to be read ahead, one upload of each goes on in a turn of the
    event loop: however many wait, the end of one does not wake them all.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        perform: Callable[[Effects], None],
        now: Callable[[], float],
    ) -> None:
        self._dispatcher = dispatcher
        self._perform = perform
        self._now = now
        self.futures: dict[Exchange, asyncio.Future[None]] = {}
        self._lines: dict[str, dict[Ticket, Exchange]] = {}
        self._took: Hashable = None
        self.crowded = self._blocked = False

    async def whole(self, lease: Lease) -> bytes | None:
        """The whole request body; None if the worker is not to have it any more."""
        exchange = lease.exchange
        while lease.state is Work.LEASED and not self._dispatcher.collect(exchange):
            self.crowded = self._blocked = True
            await self._news(exchange)
        exchange.client.want()
        while lease.state is Work.LEASED and not exchange.upload.ended:
            if effects := self._dispatcher.overlong(exchange, self._now()):
                self._perform(effects)
            else:
                await self._news(exchange)
        return exchange.upload.peek() if lease.state is Work.LEASED else None

    async def room(self, ticket: Ticket, exchange: Exchange) -> None:
        """Return when more of this request body may have room."""
        if not self._dispatcher.crowded(exchange):
            await ticket.uploadable()
            return
        client = exchange.request.counts_for
        self._lines.setdefault(client, {})[ticket] = exchange
        self.crowded = True
        try:
            await ticket.uploadable()
        finally:
            line = self._lines[client]
            del line[ticket]
            if not line:
                del self._lines[client]
            # By then this one has taken what it can.
            asyncio.get_running_loop().call_soon(self._next, client)

    def wake(self, exchange: Exchange) -> None:
        """More of its request body is here, or something else has happened to it."""
        if future := self.futures.pop(exchange, None):
            future.set_result(None)

    def wake_all(self) -> None:
        """Something has ended: there may be room."""
        if self._blocked:
            self._blocked = False
            for exchange in list(self.futures):
                self.wake(exchange)
        if (took := self._dispatcher.took()) != self._took:
            self._took = took
            for client in self._lines:
                self._next(client)
        self.crowded = self._blocked or bool(self._lines)

    def _next(self, client: str) -> None:
        """Let the upload of this client go on that has waited for longest, if there is room."""
        for ticket, exchange in self._lines.get(client, {}).items():
            if self._dispatcher.room(exchange) > 0:
                ticket.room()
                return
            if self._dispatcher.crowded(exchange):
                return

    async def _news(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        future = self.futures.setdefault(exchange, loop.create_future())
        await asyncio.wait((future,))
