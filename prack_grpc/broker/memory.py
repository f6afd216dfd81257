"""The broker of a single process: futures and one timer around the dispatcher."""

import asyncio
import logging
import math
from collections.abc import Callable

from prack_grpc.broker.identifiers import Identifiers
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core import errors
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Cancel, CancelReason, Deliver, Effects
from prack_grpc.core.errors import BadResponse, GatewayError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import ANSWERING, DONE, Caller, Exchange, Lease, Work
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.exchange.session import Session
from prack_grpc.core.http.fields import (
    checked_accept,
    checked_interim,
    checked_response,
    checked_trailers,
)
from prack_grpc.core.http.message import Headers, Kind, Request, ResponseHead
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.status import Status, status

log = logging.getLogger(__name__)


class MemoryBroker:
    """Implements `broker.base.Broker`. Must be created and used on one running event loop."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._identifiers = Identifiers()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf
        self._idle: asyncio.Future[None] | None = None
        self._nobody = Ticket(self._loop)  # whom nothing reaches
        self._crowded: list[Ticket] = []  # wait for room to collect a body in
        self.dispatcher = Dispatcher(limits, self._now())

    # ------------------------------------------------------------ the public edge

    def submit(
        self, request: Request, body: bytes, end: bool, news: Callable[[], None] | None = None
    ) -> Ticket:
        """See Broker."""
        upload = NO_BODY
        if body or not end:
            limits = self.dispatcher.limits
            upload = Flow(max(limits.window, len(body)), keep=limits.inline_body)
            upload.push(body)
            upload.ended = end
        ticket = Ticket(self._loop, news)
        exchange, effects = self.dispatcher.submit(
            self._identifiers.next(), request, upload, ticket, self._now()
        )
        ticket.exchange = exchange
        self._perform(effects)
        return ticket

    async def upload(self, ticket: Ticket, data: bytes, end: bool) -> None:
        """See Broker."""
        exchange = ticket.exchange
        while exchange.state is not Caller.DONE:
            piece = data[: max(0, self.dispatcher.room(exchange))]
            if piece:
                self.dispatcher.upload(exchange, piece, self._now())
                data = data[len(piece) :]
            exchange.upload.ended = end and not data
            ticket.wake_collector()
            if exchange.lease and (piece or exchange.upload.ended):
                exchange.lease.session.port.uploaded(exchange.lease)
            if not data:
                return
            await ticket.room()

    def consumed(self, ticket: Ticket) -> None:
        """See Broker."""
        if self.dispatcher.consumed(ticket.exchange, self._now()):
            self._grant(ticket.exchange)

    def complete(self, ticket: Ticket) -> None:
        """See Broker."""
        if ticket.exchange.state is not DONE:
            self.dispatcher.complete(ticket.exchange, self._now())
            self._drop(ticket.exchange)
            self._part(ticket.exchange)
            if self._idle is not None or self._crowded:
                self._settle()

    def leave(self, ticket: Ticket) -> None:
        """See Broker."""
        if ticket.exchange.state is not Caller.DONE:
            self._perform(self.dispatcher.leave(ticket.exchange, self._now()))
            self._part(ticket.exchange)
        ticket.leave()

    def fail(self, ticket: Ticket, error: GatewayError) -> None:
        """See Broker."""
        reason = CancelReason.REQUEST_CUT
        self._perform(self.dispatcher.fail(ticket.exchange, error, reason, self._now()))

    # ------------------------------------------------------------ sessions

    def join(self, session: Session) -> None:
        """See Broker."""
        self._perform(self.dispatcher.join(session, self._now()))

    def resize(self, session: Session, slots: int) -> None:
        """See Broker."""
        self._perform(self.dispatcher.resize(session, slots, self._now()))

    def drain(self, session: Session) -> None:
        """See Broker."""
        self._perform(self.dispatcher.drain(session, self._now()))

    def lose(self, session: Session) -> None:
        """See Broker."""
        self._perform(self.dispatcher.lose(session, self._now()))

    # ------------------------------------------------------------ leases

    def take(self, lease: Lease, most: int) -> bytes:
        """See Broker."""
        upload = lease.exchange.upload
        data = upload.take(most)
        if upload.regrant(upload.taken):
            lease.exchange.handle.wake_upload()
        return data

    def allow(self, lease: Lease, offset: int) -> None:
        """See Broker."""
        lease.exchange.upload.allow(offset)
        lease.exchange.handle.want()

    async def collect(self, lease: Lease) -> bytes:
        """See Broker."""
        exchange = lease.exchange
        while not self.dispatcher.collect(exchange) and lease.state is Work.LEASED:
            self._crowded.append(exchange.handle)
            await exchange.handle.collecting()
        exchange.handle.want()
        exchange.handle.wake_upload()
        while not exchange.upload.ended and lease.state is Work.LEASED:
            if exchange.upload.buffered > self.dispatcher.limits.rest_body:
                error = GatewayError(errors.BODY_TOO_LARGE, "REST workers take no body this large")
                self.fail(exchange.handle, error)
            else:
                await exchange.handle.collecting()
        if lease.state is not Work.LEASED:
            raise GatewayError(errors.BODY_CUT)
        return exchange.upload.peek()

    def find(self, identifier: str) -> Lease:
        """See Broker."""
        return self.dispatcher.ledger.find(identifier)

    def head(self, lease: Lease, status: int, headers: Headers, body: bytes, end: bool) -> None:
        """See Broker."""
        if lease.cancelled:
            if end:
                self.finish(lease, [])
            return
        try:
            if status < 200 and self._early(lease, status, headers, body, end):
                return
            head = _checked(lease.exchange.request, status, headers, body, end)
        except BadResponse as error:
            self._refuse(lease, error, end)
            raise
        effects = self.dispatcher.head(lease, head, end, self._now())
        self._perform(effects)
        lease.exchange.handle.answer(head)  # may bring the client's next request

    def _early(self, lease: Lease, status: int, headers: Headers, body: bytes, end: bool) -> bool:
        """Pass on a head that comes before the final one. False if this is none."""
        if not 100 <= status < 200 or status == 101 or body or end:
            return False
        if self.dispatcher.interim(lease):
            lease.exchange.handle.answer(checked_interim(status, headers))
        return True

    def _refuse(self, lease: Lease, error: BadResponse, end: bool) -> None:
        """The client gets 502, or a cut response; `end` if that was the worker's last word."""
        self.spoil(lease, str(error))
        if end and lease.cancelled:
            self.finish(lease, [])

    def data(self, lease: Lease, data: bytes) -> None:
        """See Broker."""
        if effects := self.dispatcher.data(lease, data, self._now()):
            self._perform(effects)  # else a deadline has moved on, for which no timer is late
        if lease.exchange.state is Caller.DONE:
            self._drop(lease.exchange)
        else:
            lease.exchange.handle.wake()

    def finish(self, lease: Lease, trailers: Headers) -> None:
        """See Broker."""
        wanted = lease.exchange.state is not Caller.DONE
        try:
            checked = checked_trailers(trailers) if trailers and wanted else []
        except BadResponse as error:
            self._refuse(lease, error, True)
            raise
        self._perform(self.dispatcher.finish(lease, self._now()))
        lease.exchange.handle.end(checked)

    def abort(self, lease: Lease, code: AbortCode, message: str) -> None:
        """See Broker."""
        _log_end(lease, "exchange_aborted", message, abort_code=code.name.lower())
        self._perform(self.dispatcher.abort(lease, code, message, self._now()))

    def put_back(self, lease: Lease) -> None:
        """See Broker."""
        self._perform(self.dispatcher.put_back(lease, self._now()))

    def spoil(self, lease: Lease, message: str) -> None:
        """See Broker."""
        self._perform(self.dispatcher.spoil(lease, message, self._now()))

    def lost(self, lease: Lease, reason: str) -> None:
        """See Broker."""
        _log_end(lease, "exchange_lost", reason)
        self._perform(self.dispatcher.lost(lease, self._now()))

    def extend(self, lease: Lease, seconds: float) -> float:
        """See Broker."""
        return self.dispatcher.extend(lease, seconds, self._now())

    # ------------------------------------------------------------ whoever runs the gateway

    def pause(self, who: Pool | str, paused: bool) -> None:
        """See Broker."""
        self._perform(self.dispatcher.pause(who, paused, self._now()))

    def divide(self, service: str, split: Split | None) -> None:
        """See Broker."""
        self._perform(self.dispatcher.divide(service, split, self._now()))

    def status(self) -> Status:
        """See Broker."""
        return status(self.dispatcher, self._now())

    # ------------------------------------------------------------ life cycle

    def begin_drain(self) -> None:
        """Accept no more requests; what is here goes on."""
        self.dispatcher.begin_drain()

    async def idle(self, seconds: float) -> None:
        """Wait until no exchange but WebSockets is open, at most so long."""
        self._idle = self._loop.create_future()
        self._settle()
        await asyncio.wait((self._idle,), timeout=seconds)

    def shut_down(self) -> None:
        """End every exchange that is still here, and the timer for good."""
        self._perform(self.dispatcher.shut_down(self._now()))
        self._fires_at = -math.inf
        if self._timer:
            self._timer.cancel()

    # ------------------------------------------------------------ effects

    def _perform(self, effects: Effects) -> None:
        for effect in effects:
            if isinstance(effect, Deliver):
                lease = effect.lease
                lease.session.port.deliver(lease)
                if lease.exchange.upload is not NO_BODY:
                    lease.exchange.handle.wake_upload()
                    lease.exchange.handle.wake_collector()  # of a worker that has lost it
            elif isinstance(effect, Cancel):
                effect.lease.session.port.cancel(effect.lease, effect.reason)
            else:
                effect.exchange.handle.fail(effect.error)
                self._part(effect.exchange)
        self._arm()
        if self._idle is not None or self._crowded:
            self._settle()

    def _settle(self) -> None:
        """Something may have ended. An open WebSocket may last for ever: it holds up no stop."""
        if self._crowded:
            crowded, self._crowded = self._crowded, []
            for ticket in crowded:
                ticket.wake_collector()
        if self._idle is None or self._idle.done():
            return
        exchanges = self.dispatcher.exchanges.values()
        if all(exchange.request.kind is Kind.WEBSOCKET for exchange in exchanges):
            self._idle.set_result(None)

    def _drop(self, exchange: Exchange) -> None:
        """The client has all it is owed: what a worker still sends only has to get through."""
        if exchange.lease and exchange.lease.state is ANSWERING:
            exchange.download.take_all()
            if exchange.download.regrant(exchange.download.taken):
                self._grant(exchange)

    def _part(self, exchange: Exchange) -> None:
        """The client was told the last: the two hold each other, only a collector would do this."""
        exchange.handle = self._nobody

    def _grant(self, exchange: Exchange) -> None:
        lease = exchange.lease
        if lease and lease.state is Work.ANSWERING:
            lease.session.port.grant(lease, exchange.download.granted)

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
        now = max(self._now(), self._fires_at)
        self._fires_at = math.inf
        self._perform(self.dispatcher.expire(now))


def _log_end(lease: Lease, action: str, reason: str, **more: str) -> None:
    """A worker ends an exchange that somebody waits for."""
    if lease.cancelled:
        return
    about = {"request_id": lease.exchange.id, "worker": lease.session.worker, "reason": reason}
    log.warning(action.replace("_", " "), extra={"action": action, **about, **more})


def _checked(
    request: Request, status: int, headers: Headers, body: bytes, end: bool
) -> ResponseHead:
    if status == 101 and request.kind is Kind.WEBSOCKET:
        return checked_accept(headers, body, end)
    return checked_response(request.method, status, headers, body, end)
