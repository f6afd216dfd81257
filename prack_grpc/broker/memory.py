"""The broker of a single process: the verbs of the seam, each a decision of the core, performed."""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Iterator

from prack_grpc.broker.collecting import Collecting
from prack_grpc.broker.overlap import Overlapping
from prack_grpc.broker.seam import Membership, Piece
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.answering import Answering
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Answer, Cancel, Deliver, Effects, Fail, Finish, Grant, Refuse
from prack_grpc.core.errors import GatewayError, LeaseError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.exchange.flow import NO_BODY, begun
from prack_grpc.core.exchange.states import ANSWERING, CLOSED, DONE, Work
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Headers, Kind, Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.receivers import NOBODY, CancelReason, WorkReceiver
from prack_grpc.core.status import ExchangeStatus, Status, exchanges, status
from prack_grpc.core.worker import Principal, Profile

log = logging.getLogger(__name__)

NOTHING = Piece(b"", False, False)


class MemoryBroker:
    """Implements `broker.seam.Broker`. Must be created and used on one running event loop."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf
        self._idle: asyncio.Future[None] | None = None
        self.tickets: dict[Ticket, Exchange] = {}
        self._sessions: dict[Membership, Session] = {}
        self._hand_out = hand_out = HandOut(limits, self._now(), secrets.token_bytes())
        self.dispatcher = Dispatcher(hand_out)
        self._answering = Answering(hand_out)
        self._leases = hand_out.assigned
        self._collecting = Collecting(self.dispatcher, self._perform, self._now)
        self.overlap = Overlapping(self.dispatcher, hand_out, self._perform, self._now)

    # ------------------------------------------------------------ PublicSide

    def submit(
        self, request: Request, body: bytes, end: bool, news: Callable[[], None] | None = None
    ) -> Ticket:
        upload = NO_BODY
        if body or not end:
            limits = self.dispatcher.limits
            upload = begun(body, end, limits.window, limits.inline_body)
        ticket = Ticket(self._loop, request.id, news)
        exchange, effects = self.dispatcher.submit(ticket.id, request, upload, ticket, self._now())
        ticket.route = exchange.lane.name
        self.tickets[ticket] = exchange
        self._perform(effects)
        if request.expects and self.dispatcher.reads_ahead(exchange):
            ticket.want()
        return ticket

    async def upload(self, ticket: Ticket, data: bytes, end: bool) -> None:
        while (exchange := self.tickets.get(ticket)) is not None:
            piece, effects = data[: max(0, self.dispatcher.room(exchange))], []
            if piece:
                effects = self.dispatcher.upload(exchange, piece, self._now())
                data = data[len(piece) :]
            lease, ended = exchange.lease, end and not data
            if ended and not effects:
                effects = self.dispatcher.uploaded(exchange, self._now())
            self._collecting.wake(exchange)
            if lease and (piece or ended):
                lease.session.receiver.uploaded(lease.assignment)
            if effects or ended:
                self._perform(effects)
            if not data:
                return
            await self._collecting.room(ticket, exchange)

    def consumed(self, ticket: Ticket) -> None:
        exchange = self.tickets.get(ticket)
        if exchange is not None and self.dispatcher.consumed(exchange, self._now()):
            self._grant(exchange)

    def complete(self, ticket: Ticket) -> None:
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            self._hand_out.complete(exchange, self._now())
            if exchange.lease is not None:
                self._drop(exchange)
            self._part(exchange, ticket)
            if self._idle is not None or self._collecting.crowded:
                self._settle()

    def leave(self, ticket: Ticket) -> None:
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            ticket.left = True
            self._perform(self.dispatcher.leave(exchange, self._now()))
            self._part(exchange, ticket)
        ticket.leave()

    def fail(self, ticket: Ticket, error: GatewayError) -> None:
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            reason = CancelReason.REQUEST_CUT
            self._perform(self.dispatcher.fail(exchange, error, reason, self._now()))

    # ------------------------------------------------------------ WorkerSide: the worker

    def join(self, profile: Profile, principal: Principal, receiver: WorkReceiver) -> Membership:
        slots, sockets = profile.slots, profile.websocket_slots
        session = Session(profile, principal, receiver, slots, sockets)
        effects = self.dispatcher.join(session, self._now())
        member = Membership(profile.worker)
        self._sessions[member] = session
        self._perform(effects)
        return member

    def resize(self, member: Membership, slots: int, websocket_slots: int = 0) -> None:
        if session := self._sessions.get(member):
            session.principal.scope.check_slots(slots, websocket_slots)
            now = self._now()
            self._perform(self.dispatcher.resize(session, slots, now, websocket_slots))

    def grow(self, member: Membership) -> None:
        if session := self._sessions.get(member):
            self._perform(self.dispatcher.resize(session, session.slots + 1, self._now()))

    def drain(self, member: Membership) -> int:
        """One that does not acknowledge is known by its assignments from now on."""
        session = self._sessions.get(member)
        if session is None:
            return 0
        if not session.profile.acknowledges:
            del self._sessions[member]
        self._perform(self.dispatcher.drain(session, self._now()))
        return session.last_number

    def lose(self, member: Membership) -> None:
        if session := self._sessions.pop(member, None):
            self._perform(self.dispatcher.lose(session, self._now()))

    # ------------------------------------------------------------ WorkerSide: what it was handed

    def find(self, identifier: str, principal: Principal) -> Assignment:
        return self.dispatcher.ledger.find(identifier, principal).assignment

    def progress(self, assignment: Assignment) -> Work:
        lease = self._leases.get(assignment)
        return CLOSED if lease is None else lease.state

    def remaining(self, assignment: Assignment) -> float:
        lease = self._leases.get(assignment)
        return 0.0 if lease is None else lease.expires_at - self._now()

    def extend(self, assignment: Assignment, seconds: float) -> float:
        lease = self._leases.get(assignment)
        return 0.0 if lease is None else self.dispatcher.extend(lease, seconds, self._now())

    # ------------------------------------------------------------ WorkerSide: the request body

    def received(self, assignment: Assignment) -> bool:
        lease = self._leases.get(assignment)
        return lease is not None and lease.exchange.upload.ended

    def body_length(self, assignment: Assignment) -> int:
        lease = self._leases.get(assignment)
        if lease is None or not lease.exchange.upload.ended:
            return assignment.request.body_length
        return lease.exchange.upload.pushed

    def allow(self, assignment: Assignment, offset: int) -> None:
        if lease := self._leases.get(assignment):
            lease.exchange.upload.allow(offset)
            lease.exchange.client.want()

    def take(self, assignment: Assignment, most: int) -> Piece:
        lease = self._leases.get(assignment)
        if lease is None or lease.state is Work.CANCELLED:
            return NOTHING
        upload = lease.exchange.upload
        data = upload.take(most)
        if upload.regrant(upload.taken):
            lease.exchange.client.room()
        last = upload.drained and not lease.upload_sent
        lease.upload_sent = lease.upload_sent or last
        return Piece(data, upload.ready, last)

    def rewind(self, assignment: Assignment) -> bool:
        lease = self._leases.get(assignment)
        if lease is None or (lease.upload_sent and lease.state is not Work.LEASED):
            return False
        if lease.exchange.upload.taken and not lease.exchange.upload.rewind():
            return False
        lease.upload_sent = False
        return True

    async def collect(self, assignment: Assignment) -> bytes | None:
        lease = self._leases.get(assignment)
        if lease is None:
            return None
        body = await self._collecting.whole(lease)
        lease.upload_sent = body is not None
        return body

    # ------------------------------------------------------------ WorkerSide: the response

    def head(
        self, assignment: Assignment, status: int, headers: Headers, body: bytes, end: bool
    ) -> None:
        lease = self._lease(assignment)
        effects = self._answering.head(lease, status, headers, body, end, self._now())
        self._perform(effects)

    def room(self, assignment: Assignment) -> int:
        lease = self._leases.get(assignment)
        return 0 if lease is None else lease.exchange.download.room

    def granted(self, assignment: Assignment) -> int:
        lease = self._leases.get(assignment)
        return 0 if lease is None else lease.exchange.download.granted

    def data(self, assignment: Assignment, data: bytes) -> None:
        lease = self._lease(assignment)
        exchange = lease.exchange
        effects = self._answering.data(lease, data, self._now())
        if exchange.state is DONE:
            self._drop(exchange)
        else:
            exchange.client.more()
        if effects:
            self._perform(effects)  # else a deadline has moved on, for which no timer is late

    def finish(self, assignment: Assignment, trailers: Headers) -> None:
        lease = self._lease(assignment)
        self._perform(self._answering.finish(lease, trailers, self._now()))

    def abort(self, assignment: Assignment, code: AbortCode, message: str) -> None:
        lease = self._lease(assignment)
        _log_end(lease, "exchange_aborted", message, abort_code=code.name.lower())
        self._perform(self.dispatcher.abort(lease, code, message, self._now()))

    def spoil(self, assignment: Assignment, message: str) -> None:
        if lease := self._leases.get(assignment):
            self._perform(self._answering.spoil(lease, message, self._now()))

    def put_back(self, assignment: Assignment) -> None:
        self._perform(self.dispatcher.put_back(self._lease(assignment), self._now()))

    def lost(self, assignment: Assignment, reason: str) -> None:
        lease = self._lease(assignment)
        _log_end(lease, "exchange_lost", reason)
        self._perform(self.dispatcher.lost(lease, self._now()))

    # ------------------------------------------------------------ OperatorSide

    def pause(self, who: Pool | str, paused: bool) -> None:
        self._perform(self.dispatcher.pause(who, paused, self._now()))

    def divide(self, service: str, split: Split | None) -> None:
        self._perform(self.dispatcher.divide(service, split, self._now()))

    def expel(self, principal: Principal) -> None:
        self._perform(self.dispatcher.expel(principal, self._now()))

    def status(self) -> Status:
        return status(self.dispatcher, self._now())

    def exchanges(self) -> Iterator[ExchangeStatus]:
        return exchanges(self.dispatcher, self._now())

    def begin_drain(self) -> None:
        self.dispatcher.begin_drain()

    async def idle(self, seconds: float) -> None:
        self._idle = idle = self._loop.create_future()
        self._settle()
        await asyncio.wait((idle,), timeout=seconds)

    def shut_down(self) -> None:
        """The timer ends for good, too."""
        self._perform(self.dispatcher.shut_down(self._now()))
        self._fires_at = -math.inf
        if self._timer:
            self._timer.cancel()

    # ------------------------------------------------------------ effects

    def _perform(self, effects: Effects) -> None:
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
            elif isinstance(effect, Grant):
                self._grant(effect.lease.exchange)
            elif isinstance(effect, Refuse):
                refusal = effect.error
            else:
                effect.tell(self._now())
        if self._hand_out.soonest < self._fires_at:
            self._arm(self._hand_out.soonest)
        if self._idle is not None or self._collecting.crowded:
            self._settle()
        if self.overlap.look:
            self.overlap.look()
        if refusal is not None:
            raise refusal

    def _deliver(self, lease: Lease) -> None:
        exchange = lease.exchange
        exchange.client.taken(lease.assignment)
        lease.session.receiver.deliver(lease.assignment)
        if exchange.upload is not NO_BODY:
            exchange.client.room()
            if self._collecting.futures:
                self._collecting.wake(exchange)  # of a worker that has lost it

    def _fail(self, exchange: Exchange, error: GatewayError) -> None:
        client = exchange.client
        client.fail(error)
        if isinstance(client, Ticket):
            self._part(exchange, client)

    def _settle(self) -> None:
        """Something may have ended. An open WebSocket may last for ever: it holds up no stop."""
        self._collecting.wake_all()
        exchanges = self.dispatcher.exchanges.values()
        if self._idle and all(exchange.request.kind is Kind.WEBSOCKET for exchange in exchanges):
            self._idle.set_result(None)
            self._idle = None

    def _drop(self, exchange: Exchange) -> None:
        """The client has all it is owed: what a worker still sends only has to get through."""
        if exchange.lease and exchange.lease.state is ANSWERING:
            exchange.download.take_all()
            if exchange.download.regrant(exchange.download.taken):
                self._grant(exchange)

    def _part(self, exchange: Exchange, ticket: Ticket) -> None:
        """The client was told the last: the two hold each other, only a collector would do this."""
        del self.tickets[ticket]
        exchange.client = NOBODY
        if self._collecting.futures:
            self._collecting.wake(exchange)

    def _grant(self, exchange: Exchange) -> None:
        """The worker may send more."""
        lease = exchange.lease
        if lease and lease.state is ANSWERING:
            lease.session.receiver.grant(lease.assignment, exchange.download.granted)

    # ------------------------------------------------------------ time

    def _arm(self, deadline: float) -> None:
        """One timer for everything: it may fire early, never late."""
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = deadline
        self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        # Loops round: a timer may fire a little before its time.
        now = max(self._now(), self._fires_at)
        self._fires_at = math.inf
        self._perform(self.dispatcher.expire(now))

    def _lease(self, assignment: Assignment) -> Lease:
        lease = self._leases.get(assignment)
        if lease is None:
            raise LeaseError("this exchange has ended")
        return lease


def _log_end(lease: Lease, action: str, reason: str, **more: str) -> None:
    """A worker ends an exchange that somebody waits for."""
    if lease.cancelled:
        return
    about = {"worker": lease.assignment.worker, "reason": reason, **more}
    about["request_id"] = lease.exchange.request.x_request_id
    log.warning(action.replace("_", " "), extra={"action": action, **about})
