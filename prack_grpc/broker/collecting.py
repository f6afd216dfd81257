"""Request bodies that a worker takes only in one piece, here or at a peer."""

import asyncio
from collections.abc import Callable

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.states import Work


class Collecting:
    """Who waits for the rest of a request body; `crowded` says that some wait for room for it."""

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
        self._clients: list[Ticket] = []
        self.crowded = False

    async def whole(self, lease: Lease) -> bytes | None:
        """The whole request body; None if the worker is not to have it any more."""
        exchange = lease.exchange
        while lease.state is Work.LEASED and not self._dispatcher.collect(exchange):
            self.crowded = True
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
        if self._dispatcher.crowded(exchange):
            self.crowded = True
            self._clients.append(ticket)
        await ticket.uploadable()

    def wake(self, exchange: Exchange) -> None:
        """More of its request body is here, or something else has happened to it."""
        if future := self.futures.pop(exchange, None):
            future.set_result(None)

    def wake_all(self) -> None:
        """Something has ended: there may be room."""
        self.crowded = False
        for exchange in list(self.futures):
            self.wake(exchange)
        clients, self._clients = self._clients, []
        for ticket in clients:
            ticket.room()

    async def _news(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        future = self.futures.setdefault(exchange, loop.create_future())
        await asyncio.wait((future,))
