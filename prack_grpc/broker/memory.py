"""The broker of a single process: the verbs of the seam, each a decision of the core."""

import asyncio
import logging
from collections.abc import Callable

from prack_grpc.broker.identifiers import Identifiers
from prack_grpc.broker.seam import Membership, Piece, Profile
from prack_grpc.broker.shell import Shell
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.answering import Answering
from prack_grpc.core.errors import GatewayError, LeaseError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.exchange import Lease, Session
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.exchange.states import CLOSED, DONE, Work
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.principal import Principal
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.receivers import CancelReason, WorkReceiver
from prack_grpc.core.status import Status, status

log = logging.getLogger(__name__)

NOTHING = Piece(b"", False, False)


class MemoryBroker:
    """Implements `broker.seam.Broker`. Must be created and used on one running event loop."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._shell = shell = Shell(limits)
        self._perform = shell.perform
        self._identifiers = Identifiers()
        self._sessions: dict[Membership, Session] = {}
        self.tickets = shell.tickets
        self.dispatcher = shell.dispatcher
        self._answering = Answering(shell.dispatcher)
        self._leases = shell.dispatcher.assigned

    # ------------------------------------------------------------ PublicSide

    def submit(
        self, request: Request, body: bytes, end: bool, news: Callable[[], None] | None = None
    ) -> Ticket:
        """See PublicSide."""
        upload = NO_BODY
        if body or not end:
            limits = self.dispatcher.limits
            upload = Flow(max(limits.window, len(body)), keep=limits.inline_body)
            upload.push(body)
            upload.ended = end
        ticket = Ticket(self._loop, self._identifiers.next(), news)
        exchange, effects = self.dispatcher.submit(ticket.id, request, upload, ticket, self._now())
        self.tickets[ticket] = exchange
        self._perform(effects)
        return ticket

    async def upload(self, ticket: Ticket, data: bytes, end: bool) -> None:
        """See PublicSide."""
        while (exchange := self.tickets.get(ticket)) is not None:
            piece = data[: max(0, self.dispatcher.room(exchange))]
            if piece:
                self.dispatcher.upload(exchange, piece, self._now())
                data = data[len(piece) :]
            exchange.upload.ended = end and not data
            self._shell.wake_collector(exchange)
            lease = exchange.lease
            if lease and (piece or exchange.upload.ended):
                lease.session.receiver.uploaded(lease.assignment)
            if not data:
                return
            await ticket.uploadable()

    def consumed(self, ticket: Ticket) -> None:
        """See PublicSide."""
        exchange = self.tickets.get(ticket)
        if exchange is not None and self.dispatcher.consumed(exchange, self._now()):
            self._shell.grant(exchange)

    def complete(self, ticket: Ticket) -> None:
        """See PublicSide."""
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            self.dispatcher.complete(exchange, self._now())
            shell = self._shell
            if exchange.lease is not None:
                shell.drop(exchange)
            shell.part(exchange, ticket)
            if shell.watched:
                shell.settle()

    def leave(self, ticket: Ticket) -> None:
        """See PublicSide."""
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            ticket.left = True
            self._perform(self.dispatcher.leave(exchange, self._now()))
            self._shell.part(exchange, ticket)
        ticket.leave()

    def fail(self, ticket: Ticket, error: GatewayError) -> None:
        """See PublicSide."""
        exchange = self.tickets.get(ticket)
        if exchange is not None:
            reason = CancelReason.REQUEST_CUT
            self._perform(self.dispatcher.fail(exchange, error, reason, self._now()))

    # ------------------------------------------------------------ WorkerSide: the worker

    def join(self, profile: Profile, principal: Principal, receiver: WorkReceiver) -> Membership:
        """See WorkerSide."""
        session = Session(
            profile.worker,
            profile.slots,
            profile.acknowledges,
            receiver,
            profile.routes,
            profile.service,
            profile.version,
            profile.kinds,
            profile.tier,
            profile.lease,
        )
        effects = self.dispatcher.join(session, self._now())
        member = Membership(profile.worker)
        self._sessions[member] = session
        self._perform(effects)
        return member

    def resize(self, member: Membership, slots: int) -> None:
        """See WorkerSide."""
        if session := self._sessions.get(member):
            self._perform(self.dispatcher.resize(session, slots, self._now()))

    def grow(self, member: Membership) -> None:
        """See WorkerSide."""
        if session := self._sessions.get(member):
            self.resize(member, session.slots + 1)

    def drain(self, member: Membership) -> int:
        """See WorkerSide. One that does not acknowledge is known by its assignments from now on."""
        session = self._sessions.get(member)
        if session is None:
            return 0
        if not session.acknowledges:
            del self._sessions[member]
        self._perform(self.dispatcher.drain(session, self._now()))
        return session.last_number

    def lose(self, member: Membership) -> None:
        """See WorkerSide."""
        if session := self._sessions.pop(member, None):
            self._perform(self.dispatcher.lose(session, self._now()))

    # ------------------------------------------------------------ WorkerSide: what it was handed

    def find(self, identifier: str) -> Assignment:
        """See WorkerSide."""
        return self.dispatcher.ledger.find(identifier).assignment

    def progress(self, assignment: Assignment) -> Work:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return CLOSED if lease is None else lease.state

    def remaining(self, assignment: Assignment) -> float:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return 0.0 if lease is None else lease.expires_at - self._now()

    def extend(self, assignment: Assignment, seconds: float) -> float:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return 0.0 if lease is None else self.dispatcher.extend(lease, seconds, self._now())

    # ------------------------------------------------------------ WorkerSide: the request body

    def received(self, assignment: Assignment) -> bool:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return lease is not None and lease.exchange.upload.ended

    def body_length(self, assignment: Assignment) -> int:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        if lease is None or not lease.exchange.upload.ended:
            return assignment.request.body_length
        return lease.exchange.upload.pushed

    def allow(self, assignment: Assignment, offset: int) -> None:
        """See WorkerSide."""
        if lease := self._leases.get(assignment):
            lease.exchange.upload.allow(offset)
            lease.exchange.client.want()

    def take(self, assignment: Assignment, most: int) -> Piece:
        """See WorkerSide."""
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
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        if lease is None or (lease.exchange.upload.taken and not lease.exchange.upload.rewind()):
            return False
        lease.upload_sent = False
        return True

    async def collect(self, assignment: Assignment) -> bytes | None:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        if lease is None:
            return None
        exchange = lease.exchange
        while lease.state is Work.LEASED and not self.dispatcher.collect(exchange):
            self._shell.watched = True
            await self._shell.collecting(exchange)
        exchange.client.want()
        while lease.state is Work.LEASED and not exchange.upload.ended:
            if effects := self.dispatcher.overlong(exchange, self._now()):
                self._perform(effects)
            else:
                await self._shell.collecting(exchange)
        return exchange.upload.peek() if lease.state is Work.LEASED else None

    # ------------------------------------------------------------ WorkerSide: the response

    def head(
        self, assignment: Assignment, status: int, headers: Headers, body: bytes, end: bool
    ) -> None:
        """See WorkerSide."""
        lease = self._lease(assignment)
        effects = self._answering.head(lease, status, headers, body, end, self._now())
        self._perform(effects)

    def room(self, assignment: Assignment) -> int:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return 0 if lease is None else lease.exchange.download.room

    def granted(self, assignment: Assignment) -> int:
        """See WorkerSide."""
        lease = self._leases.get(assignment)
        return 0 if lease is None else lease.exchange.download.granted

    def data(self, assignment: Assignment, data: bytes) -> None:
        """See WorkerSide."""
        lease = self._lease(assignment)
        exchange = lease.exchange
        effects = self.dispatcher.data(lease, data, self._now())
        if exchange.state is DONE:
            self._shell.drop(exchange)
        else:
            exchange.client.more()
        if effects:
            self._perform(effects)  # else a deadline has moved on, for which no timer is late

    def finish(self, assignment: Assignment, trailers: Headers) -> None:
        """See WorkerSide."""
        lease = self._lease(assignment)
        self._perform(self._answering.finish(lease, trailers, self._now()))

    def abort(self, assignment: Assignment, code: AbortCode, message: str) -> None:
        """See WorkerSide."""
        lease = self._lease(assignment)
        _log_end(lease, "exchange_aborted", message, abort_code=code.name.lower())
        self._perform(self.dispatcher.abort(lease, code, message, self._now()))

    def spoil(self, assignment: Assignment, message: str) -> None:
        """See WorkerSide."""
        if lease := self._leases.get(assignment):
            self._perform(self.dispatcher.spoil(lease, message, self._now()))

    def put_back(self, assignment: Assignment) -> None:
        """See WorkerSide."""
        self._perform(self.dispatcher.put_back(self._lease(assignment), self._now()))

    def lost(self, assignment: Assignment, reason: str) -> None:
        """See WorkerSide."""
        lease = self._lease(assignment)
        _log_end(lease, "exchange_lost", reason)
        self._perform(self.dispatcher.lost(lease, self._now()))

    # ------------------------------------------------------------ OperatorSide

    def pause(self, who: Pool | str, paused: bool) -> None:
        """See OperatorSide."""
        self._perform(self.dispatcher.pause(who, paused, self._now()))

    def divide(self, service: str, split: Split | None) -> None:
        """See OperatorSide."""
        self._perform(self.dispatcher.divide(service, split, self._now()))

    def status(self) -> Status:
        """See OperatorSide."""
        return status(self.dispatcher, self._now())

    def begin_drain(self) -> None:
        """See OperatorSide."""
        self.dispatcher.begin_drain()

    async def idle(self, seconds: float) -> None:
        """See OperatorSide."""
        await self._shell.idle(seconds)

    def shut_down(self) -> None:
        """See OperatorSide."""
        self._shell.shut_down()

    # ------------------------------------------------------------ steps

    def _lease(self, assignment: Assignment) -> Lease:
        lease = self._leases.get(assignment)
        if lease is None:
            raise LeaseError("this exchange has ended")
        return lease


def _log_end(lease: Lease, action: str, reason: str, **more: str) -> None:
    """A worker ends an exchange that somebody waits for."""
    if lease.cancelled:
        return
    about = {"request_id": lease.exchange.id, "worker": lease.session.worker, "reason": reason}
    log.warning(action.replace("_", " "), extra={"action": action, **about, **more})
