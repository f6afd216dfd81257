"""Around the core of a single process: what its decisions are performed with."""

import asyncio
import math

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Answer, Cancel, Deliver, Effects, Fail, Finish
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.exchange.states import ANSWERING
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import NOBODY


class Shell:
    """The dispatcher, the clients that wait, and one timer for everything that has a deadline."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf
        self._idle: asyncio.Future[None] | None = None
        self._collectors: dict[Exchange, asyncio.Future[None]] = {}
        self.tickets: dict[Ticket, Exchange] = {}
        self.watched = False  # somebody waits for something to end
        self.dispatcher = Dispatcher(limits, self.now())

    async def idle(self, seconds: float) -> None:
        """See OperatorSide."""
        self._idle = self._loop.create_future()
        self.watched = True
        self.settle()
        await asyncio.wait((self._idle,), timeout=seconds)

    def shut_down(self) -> None:
        """See OperatorSide. The timer ends for good, too."""
        self.perform(self.dispatcher.shut_down(self.now()))
        self._fires_at = -math.inf
        if self._timer:
            self._timer.cancel()

    # ------------------------------------------------------------ effects

    def perform(self, effects: Effects) -> None:
        """Raises BadResponse, last, if a worker is to be told that it sent one."""
        refusal = None
        for effect in effects:
            if isinstance(effect, Answer):
                exchange = effect.exchange  # may bring the client's next request
                exchange.client.answer(effect.head, exchange.download)
            elif isinstance(effect, Deliver):
                self._deliver(effect.lease)
            elif isinstance(effect, Finish):
                effect.exchange.client.end(effect.trailers)
            elif isinstance(effect, Cancel):
                effect.lease.session.receiver.cancel(effect.lease.assignment, effect.reason)
            elif isinstance(effect, Fail):
                self._fail(effect.exchange, effect.error)
            else:
                refusal = effect.error
        self._arm()
        if self.watched:
            self.settle()
        if refusal is not None:
            raise refusal

    def _deliver(self, lease: Lease) -> None:
        exchange = lease.exchange
        exchange.client.taken(lease.assignment)
        lease.session.receiver.deliver(lease.assignment)
        if exchange.upload is not NO_BODY:
            exchange.client.room()
            self.wake_collector(exchange)  # of a worker that has lost it

    def _fail(self, exchange: Exchange, error: GatewayError) -> None:
        client = exchange.client
        client.fail(error)
        if isinstance(client, Ticket):
            self.part(exchange, client)

    def settle(self) -> None:
        """Something may have ended. An open WebSocket may last for ever: it holds up no stop."""
        for exchange in list(self._collectors):
            self.wake_collector(exchange)
        self.watched = self._idle is not None and not self._idle.done()
        if self._idle is None or self._idle.done():
            return
        exchanges = self.dispatcher.exchanges.values()
        if all(exchange.request.kind is Kind.WEBSOCKET for exchange in exchanges):
            self._idle.set_result(None)

    def drop(self, exchange: Exchange) -> None:
        """The client has all it is owed: what a worker still sends only has to get through."""
        if exchange.lease and exchange.lease.state is ANSWERING:
            exchange.download.take_all()
            if exchange.download.regrant(exchange.download.taken):
                self.grant(exchange)

    def part(self, exchange: Exchange, ticket: Ticket) -> None:
        """The client was told the last: the two hold each other, only a collector would do this."""
        del self.tickets[ticket]
        exchange.client = NOBODY
        if self._collectors:
            self.wake_collector(exchange)

    def grant(self, exchange: Exchange) -> None:
        """The worker may send more."""
        lease = exchange.lease
        if lease and lease.state is ANSWERING:
            lease.session.receiver.grant(lease.assignment, exchange.download.granted)

    # ------------------------------------------------------------ bodies in one piece

    async def collecting(self, exchange: Exchange) -> None:
        """Wait until more of the request body is here, or something else has happened to it."""
        future = self._collectors.setdefault(exchange, self._loop.create_future())
        await asyncio.wait((future,))

    def wake_collector(self, exchange: Exchange) -> None:
        """Something has happened to the request body."""
        if future := self._collectors.pop(exchange, None):
            future.set_result(None)

    # ------------------------------------------------------------ time

    def _arm(self) -> None:
        """One timer for everything: it may fire early, never late."""
        deadline = self.dispatcher.soonest
        if self._fires_at <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = deadline
        self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        # Loops round: a timer may fire a little before its time.
        now = max(self.now(), self._fires_at)
        self._fires_at = math.inf
        self.perform(self.dispatcher.expire(now))
