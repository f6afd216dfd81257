"""The heart: what happens to exchanges when clients, workers and the clock speak.

House rules: no I/O and no clock (`now` is an argument, in seconds); a method decides, changes the
state and returns what the shell must do; a refused event raises and changes nothing.
"""

import math
from collections.abc import Callable, Hashable

from prack_grpc.core import errors
from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import GatewayError, Late
from prack_grpc.core.exchange.abort import ABORT_ERRORS, UNSTARTED, AbortCode
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Session
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.exchange.states import Call, Caller, Outcome, Work, WorkEvent
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import WEBSOCKET, Request
from prack_grpc.core.queue.by_route import ByRoute
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.receivers import AnswerReceiver, CancelReason
from prack_grpc.core.worker import Principal


class Dispatcher:
    """The events, but for those that carry a response; `HandOut` has the steps that all share."""

    def __init__(self, hand_out: HandOut) -> None:
        self._hand_out = hand_out
        self.limits = hand_out.limits
        self.counters = hand_out.counters
        self.exchanges = hand_out.exchanges
        self.queue = hand_out.queue
        self.ledger = hand_out.ledger
        self.assigned = hand_out.assigned
        self._buffers = ByRoute(hand_out.limits.request_buffers)
        self.draining = False
        self._sequence = self._arrivals = 0
        self.paused: dict[Pool | str, None] = {}
        # Says how many of a session's slots are `elsewhere`, while two gateways have its worker.
        self.share: Callable[[Session], None] | None = None

    # ------------------------------------------------------------ caller half

    def submit(
        self, id_: str, request: Request, upload: Flow, client: AnswerReceiver, now: float
    ) -> tuple[Exchange, Effects]:
        """Accept a request: hand it out at once or let it wait.

        Raises GatewayError (`draining`, `queue_full`, `overloaded`); it was then never accepted.
        """
        if self.draining:
            raise GatewayError(errors.DRAINING)
        number = self._sequence + 1
        lane = self.queue.lane(request, number, now)
        wait_until = now + self.limits.queue_timeout
        books = self.counters
        exchange = Exchange(id_, request, lane, number, now, wait_until, upload, client, books)
        session = self.queue.taker(lane, exchange.coming)
        choice = self.queue.choice
        if session and lane.busy >= choice.many and choice.is_left(lane, request.counts_for):
            session = None
        size = 0
        if session is None:
            size = request.size + upload.buffered
            self._hand_out.admit(lane, request.counts_for, size, now)
        self._sequence = number
        exchange.place = number + self._arrivals
        self.exchanges[id_] = exchange
        books.accepted += 1
        lane.accepted += 1
        if session is not None:
            return exchange, [self._hand_out.lease(session, exchange, now)]
        self.queue.append(exchange, size, now)
        self._hand_out.deadlines.set(exchange, wait_until)
        if self._hand_out.relief.standing or lane.kind is WEBSOCKET:
            return exchange, self._hand_out.relieve([lane], now)
        return exchange, []

    def upload(self, exchange: Exchange, data: bytes, now: float) -> Effects:
        """A piece of the request body has come from the client.

        As long as it comes the exchange does not wait for a worker, but for its client.
        """
        upload = exchange.upload
        if exchange.lease is None:
            upload.granted = max(upload.granted, upload.pushed + len(data))
        upload.push(data)
        if exchange.lease is None:
            self.queue.grow(exchange, len(data))
            self.queue.ahead.add(exchange, len(data))
            exchange.wait_until = now + self.limits.queue_timeout
            self._hand_out.deadlines.set(exchange, exchange.wait_until)
            return self.overlong(exchange, now)
        elif exchange.lease.state is Work.LEASED:
            lease = exchange.lease
            lease.expires_at = max(lease.expires_at, self._hand_out.answer_by(lease.session, now))
            self._hand_out.deadlines.set(exchange, lease.expires_at)
        else:
            self._hand_out.stand(exchange, now)
        return []

    def uploaded(self, exchange: Exchange, now: float) -> Effects:
        """The last of the request body has come from the client: only now has the request come."""
        if exchange.coming and exchange.lease is None:
            self._arrivals += 1
            exchange.place = self._sequence + self._arrivals
        return self._hand_out.whole(exchange, now)

    def room(self, exchange: Exchange) -> int:
        """Bytes of request body that may be read from the client now."""
        upload = exchange.upload
        if exchange.state is Caller.DONE:
            return 0
        if exchange.lease is not None:
            return upload.granted - upload.pushed
        room = self.limits.queue_bytes - self.queue.bytes - self.queue.collected.bytes
        room = min(room, self.queue.ahead.room(exchange.request.counts_for))
        return min(self._read_ahead(exchange) - upload.pushed, room)

    def crowded(self, exchange: Exchange) -> bool:
        """More of its body is to be read while it waits, and others take up the room for that."""
        return exchange.lease is None and self._read_ahead(exchange) > exchange.upload.pushed

    def took(self) -> Hashable:
        """What takes up the room for bodies: another value as soon as there may be more of it."""
        ahead, collected = self.queue.ahead, self.queue.collected
        full = self.queue.bytes + collected.bytes >= self.limits.queue_bytes
        return ahead.left, collected.left, full

    def _read_ahead(self, exchange: Exchange) -> int:
        """So much of a body may be here before a worker takes it: all, for those of peers that
        take whole ones.
        """
        limits, own = self.limits, self._buffers.get(exchange.request)
        whole = {session.whole for session in exchange.lane.sessions}
        if True in whole:  # where nobody else is, one byte too many shows that it is too large
            return limits.rest_body + (len(whole) == 1)
        return min(limits.request_buffer if own is None else own, limits.rest_body)

    def reads_ahead(self, exchange: Exchange) -> bool:
        """Its body is read while it waits: a client that waits to be asked is to begin."""
        return exchange.coming and exchange.lease is None and self.room(exchange) > 0

    def collect(self, exchange: Exchange) -> bool:
        """A worker takes the request body only in one piece: let all of it come in.

        False while such bodies, or those of its client, take up as much as they may: try again
        when one of them has ended.
        """
        upload, limits = exchange.upload, self.limits
        if upload.ended or exchange.collected:
            return True
        length = exchange.request.body_length
        size = min(length, limits.rest_body) if length > 0 else limits.rest_body
        if not self.queue.collected.takes(exchange.request.counts_for, size):
            return False
        exchange.collected = size
        self.queue.collected.add(exchange, size)
        # One byte too many shows that it is too large.
        upload.granted = max(upload.granted, limits.rest_body + 1)
        return True

    def overlong(self, exchange: Exchange, now: float) -> Effects:
        """What was collected so far is more than a worker takes in one piece: it ends."""
        if exchange.upload.buffered <= self.limits.rest_body:
            return []
        error = GatewayError(
            errors.BODY_TOO_LARGE,
            "The request body is larger than --rest-body, the limit for REST workers",
        )
        return self.fail(exchange, error, CancelReason.REQUEST_CUT, now)

    def leave(self, exchange: Exchange, now: float) -> Effects:
        """The client has gone. Nothing happens if the exchange is over."""
        if exchange.state is Caller.DONE:
            return []
        exchange.apply(Call.LEAVE)
        return self._hand_out.end(exchange, Outcome.CLIENT_GONE, CancelReason.CLIENT_GONE, now)

    def fail(
        self, exchange: Exchange, error: GatewayError, reason: CancelReason, now: float
    ) -> Effects:
        """Answer the client in the worker's place, or cut a response that has begun."""
        return self._hand_out.fail(exchange, error, reason, now)

    def consumed(self, exchange: Exchange, now: float) -> bool:
        """The client took response bytes. True if the worker may be granted more."""
        relief = self._hand_out.relief
        if exchange.state is not Caller.DONE:
            self._hand_out.stand(exchange, now)
        if exchange.lent:
            relief.settle(exchange)
        if not exchange.download.regrant(exchange.download.taken):
            return False
        relief.moves(exchange)
        return True

    # ------------------------------------------------------------ sessions

    def join(self, session: Session, now: float) -> Effects:
        """A worker is here. Raises OutOfScope, BadRoute or TooManySessions."""
        session.principal.check(session.profile)
        session.joined_at = now
        session.paused = session.profile.worker in self.paused or session.pool in self.paused
        if self.share:
            self.share(session)
        return self._hand_out.serve(self.queue.join(session, now), now)

    def resize(self, session: Session, slots: int, now: float, websocket_slots: int = 0) -> Effects:
        """The worker has other numbers of slots from now on; what it holds stays."""
        session.slots, session.websocket_slots = slots, websocket_slots
        if self.queue.changes is not None:
            self.queue.changes.sessions[session] = None
        if self.share:
            self.share(session)
        return self._hand_out.serve(self.queue.update(session), now)

    def drain(self, session: Session, now: float) -> Effects:
        """Hand this session nothing more; `session.last_number` is the last that it was given.

        A session that does not acknowledge ends by itself once it holds nothing.
        """
        session.draining = True
        if not session.profile.acknowledges:
            self.queue.update(session)
            return self._hand_out.retire(session, now)
        return self._hand_out.serve(self.queue.step_out(session, now), now)

    def lose(self, session: Session, now: float) -> Effects:
        """The worker is gone, and with it all it held."""
        if session.lost:
            return []
        session.lost = session.draining = True
        lanes = self.queue.leave(session, now)
        held = list(session.held.values())
        effects: Effects = []
        for lease in held:
            effects += self._hand_out.lose(lease, now)
        lanes += [lease.exchange.lane for lease in held if lease.exchange.lease is None]
        return effects + self._hand_out.serve(lanes, now)

    def expel(self, principal: Principal, now: float) -> Effects:
        """Its credentials are valid no more: it cannot join, and polls lose what they have held.

        Who has a connection is to end it; until then nothing changes for it.
        """
        principal.revoked = True
        effects: Effects = []
        for session in list(self.queue.sessions):
            polled = session.draining and not session.profile.acknowledges
            if polled and session.principal is principal:
                effects += self.lose(session, now)
        return effects

    def pause(self, who: Pool | str, paused: bool, now: float) -> Effects:
        """Hand this worker, or all of this version, nothing more, or something again.

        It holds for workers that join later, too. Of too many names the oldest are forgotten.
        """
        self.paused.pop(who, None)
        if paused:
            self.paused[who] = None
        if len(self.paused) > self.limits.max_paused:
            del self.paused[next(iter(self.paused))]
        lanes: list[ExchangeLane] = []
        for session in self.queue.sessions:
            wanted = session.profile.worker in self.paused or session.pool in self.paused
            if wanted is not session.paused:
                session.paused = wanted
                change = self.queue.step_out if wanted else self.queue.line_up
                lanes += change(session, now)
        return self._hand_out.serve(lanes, now)

    def divide(self, service: str, split: Split | None, now: float) -> Effects:
        """Divide the requests of a service between its versions, or stop that."""
        return self._hand_out.serve(self.queue.divide(service, split, now), now)

    # ------------------------------------------------------------ worker half

    def abort(self, lease: Lease, code: AbortCode, message: str, now: float) -> Effects:
        """The worker ends the exchange without a complete response. Raises LeaseError."""
        if code in UNSTARTED and lease.state is Work.LEASED:
            lease.apply(WorkEvent.RETURN)
            lease.exchange.books.redelivered["returned"] += 1
            return self._hand_out.requeue(lease, Late.STALE, now)
        cancelled = lease.cancelled
        lease.apply(WorkEvent.ABORT)
        if cancelled:
            return self._hand_out.release(lease, Late.GONE, now)
        lease.exchange.books.failed += 1
        effects = self._hand_out.release(lease, Late.ANSWERED, now)
        kind = ABORT_ERRORS.get(code, errors.WORKER_ERROR)
        return effects + self._hand_out.fail_lease(lease, kind, now)

    def put_back(self, lease: Lease, now: float) -> Effects:
        """The hand-out never left for the worker: it does not count. Raises LeaseError."""
        lease.apply(WorkEvent.RETURN)
        lease.exchange.attempt -= 1
        return self._hand_out.requeue(lease, Late.UNKNOWN, now)

    def lost(self, lease: Lease, now: float) -> Effects:
        """The worker has gone away with this lease, whatever else it does. Raises LeaseError."""
        return self._hand_out.lose(lease, now) + self._hand_out.serve([lease.exchange.lane], now)

    def extend(self, lease: Lease, seconds: float, now: float) -> float:
        """The worker needs longer. Returns the seconds that it has now, clamped to `lease_max`.

        One whose session has a lease only says that it is alive: it has until `head_timeout`.
        """
        most = self.limits.head_timeout if lease.session.profile.lease else self.limits.lease_max
        latest = lease.exchange.leased_at + most
        if lease.state is Work.LEASED:
            lease.expires_at = max(lease.expires_at, min(now + seconds, latest))
            self._hand_out.deadlines.set(lease.exchange, lease.expires_at)
        return lease.expires_at - now

    # ------------------------------------------------------------ time

    @property
    def collected(self) -> int:
        """Bytes set aside for bodies that must come in one piece."""
        return self.queue.collected.bytes

    def expire(self, now: float) -> Effects:
        """End everything whose time is over."""
        effects = self._hand_out.serve(self.queue.forget(now), now)
        relief = self._hand_out.relief
        if now >= relief.due:
            relief.due = math.inf
            effects += self._hand_out.relieve(list(relief.pressed), now)
        for exchange in self._hand_out.deadlines.due(now):
            effects += self._hand_out.time_out(exchange, now)
        return effects

    def begin_drain(self) -> None:
        """Accept nothing more."""
        self.draining = True

    def shut_down(self, now: float) -> Effects:
        """End every exchange, the waiting ones first: a slot that is freed must find no work."""
        self.draining = True
        effects: Effects = []
        for exchange in sorted(self.exchanges.values(), key=lambda one: one.lease is not None):
            kind = errors.DRAINING if exchange.lease is None else errors.SHUTDOWN
            effects += self._hand_out.fail(exchange, GatewayError(kind), CancelReason.SHUTDOWN, now)
        return effects
