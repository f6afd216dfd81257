"""Handing out, taking back and ending: the steps that events of clients, workers and time share."""

import math
from collections.abc import Iterable
from hashlib import blake2b

from prack_grpc.core import errors
from prack_grpc.core.counters import Counters
from prack_grpc.core.effects import Cancel, Deliver, Effects, Fail, Grant
from prack_grpc.core.errors import ANSWERED, GONE, ErrorKind, GatewayError, Late
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease, Ledger, Session
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.exchange.redelivery import repeatable
from prack_grpc.core.exchange.states import (
    BY_WORKER,
    CALLER_COMPLETE,
    CANCELLED,
    CLOSED,
    COUPLING,
    DONE,
    WORK_FINISH,
    Call,
    Caller,
    Outcome,
    Work,
    WorkEvent,
)
from prack_grpc.core.http.message import HTTP, WEBSOCKET, Kind
from prack_grpc.core.lending.lender import Lender
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.order import Deadlines
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.relief import Relief

TAG_BYTES = 8  # of the name of a hand-out


class HandOut:
    """All exchanges, sessions and leases of one gateway, and the steps that change them.

    Without the `secret`, at most 64 bytes, nobody can tell the name of another hand-out.
    """

    def __init__(self, limits: Limits, now: float, secret: bytes = b"") -> None:
        self.limits = limits
        self._secret = secret
        self.counters = Counters()
        self.hosted = Counters()  # the same of exchanges of peers
        self.exchanges: dict[str, Exchange] = {}
        self.queue = Queue(limits, now)
        self.ledger = Ledger(limits.remembered_leases)
        self.assigned: dict[Assignment, Lease] = {}
        self.deadlines: Deadlines[Exchange] = Deadlines()
        self.relief = Relief(limits, self.queue.choice)
        self.lender = Lender(self.queue, limits)

    # ------------------------------------------------------------ into the queue

    def admit(self, lane: ExchangeLane, client: str, size: int, now: float) -> None:
        """Raises GatewayError if one more of this client may not wait, or would wait too long."""
        count, rate = len(lane.waiting), lane.pace.rate(now)  # those that wait for bodies aside
        if self.queue.full(lane, size) or not self.queue.large.takes(client, size):
            retry = math.ceil(count / 2 / rate) if rate else 0
            raise GatewayError(errors.QUEUE_FULL, retry_after=retry)
        if rate is None or not count or count / rate <= self.limits.queue_timeout:
            return
        count = self.queue.choice.ahead(lane, client)
        seconds = count / rate
        if seconds <= self.limits.queue_timeout:
            return
        raise GatewayError(
            errors.OVERLOADED,
            f"{count} requests are waiting, and about {rate:.3g} per second are served",
            math.ceil(seconds - self.limits.queue_timeout / 2),
        )

    def wait_again(self, exchange: Exchange, kind: ErrorKind, now: float) -> Effects:
        """Back to its place in the queue; if it was handed out too often, this is its error.

        A hosted one never waits here: its owner knows better what to do with it.
        """
        hosted, tired = exchange.loan is not None, exchange.attempt >= self.limits.max_attempts
        if hosted or tired or not exchange.upload.rewind():
            return self.fail(exchange, GatewayError(kind), CancelReason.SHUTDOWN, now)
        exchange.lease = None
        exchange.lane = self.queue.lane(exchange.request, exchange.sequence, now)
        # Only time in the queue counts as waiting.
        exchange.wait_until += now - exchange.leased_at
        self.deadlines.set(exchange, exchange.wait_until)
        size = exchange.request.size + exchange.upload.buffered
        self.queue.append(exchange, size, now)
        return []

    def requeue(self, lease: Lease, verdict: Late, now: float) -> Effects:
        """Nobody has started it: another worker may, whatever its method."""
        exchange = lease.exchange
        exchange.books.returned += 1
        effects = self.wait_again(exchange, errors.REFUSED, now)
        return effects + self.serve([exchange.lane], now) + self.release(lease, verdict, now)

    def lose(self, lease: Lease, now: float) -> Effects:
        """Its worker is gone, and may have begun it: a repeatable request has one more chance."""
        cancelled = lease.cancelled
        lease.apply(WorkEvent.LOSE)
        lease.exchange.books.failed += not cancelled
        return self.repeat(lease, now) + self.release(lease, Late.STALE, now)

    def repeat(self, lease: Lease, now: float) -> Effects:
        """Its worker may have begun it: once more, if that does no harm, or 502."""
        exchange = lease.exchange
        once_more = self.limits.redeliver and not exchange.repeated and exchange.loan is None
        if exchange.state is Caller.WAITING and once_more and repeatable(exchange.request):
            exchange.repeated = True
            self.counters.redelivered["worker_lost"] += 1
            return self.wait_again(exchange, errors.WORKER_LOST, now)
        return self.fail_lease(lease, errors.WORKER_LOST, now)

    # ------------------------------------------------------------ out of the queue

    def lease(self, session: Session, exchange: Exchange, now: float) -> Deliver:
        """Put this exchange into the hands of a worker that has a free slot."""
        profile, lane = session.profile, exchange.lane
        if exchange.request.opening and Kind.EVENTS in profile.kinds:
            exchange.take_events()
        session.last_number = number = session.last_number + 1
        exchange.attempt += 1
        exchange.leased_at = now
        expires_at = self.answer_by(session, now)
        bodiless = exchange.upload is NO_BODY
        assignment = Assignment(
            number,
            exchange.request.id,
            exchange.attempt,
            profile,
            exchange.request,
            now - exchange.accepted_at,
            bodiless,
            "" if profile.acknowledges else self._name(exchange),
            lane.name,
            exchange.loan is not None,
        )
        coming = not bodiless and exchange.coming and not profile.collects
        lease = Lease(exchange, session, assignment, expires_at, lane, coming)
        lane.busy += 1
        if client := exchange.request.counts_for:
            lane.held[client] += 1
        if client != lane.latest:
            lane.turn_to(client)
        lane.streak += 1
        if session.guest and not bodiless:
            self._keep(exchange, session)
        if coming:
            session.uploads += 1
        if exchange.request.kind is WEBSOCKET:
            session.sockets += 1
        exchange.lease = session.held[number] = self.assigned[assignment] = lease
        self.queue.update(session)
        self.deadlines.set(exchange, expires_at)
        exchange.books.leased += 1
        lane.turn = self.counters.leased
        if not profile.acknowledges:
            self.ledger.open(lease)
        return Deliver(lease)

    def _keep(self, exchange: Exchange, guest: Session) -> None:
        """Its body may have crossed a link when it comes back unstarted: then it is sent again.

        That is all of it for a poll; a stream takes it beyond what its host holds, two windows.
        """
        size = exchange.upload.pushed if guest.whole else 2 * self.limits.window
        exchange.upload.keep(size)
        if guest.whole:
            self.queue.collected.discard(exchange)
            self.queue.collected.add(exchange, size)
            exchange.collected = size

    def _name(self, exchange: Exchange) -> str:
        """Names this hand-out: the fence against late answers of those before it."""
        name = f"{exchange.id}.{exchange.attempt}"
        tag = blake2b(name.encode(), key=self._secret, digest_size=TAG_BYTES).hexdigest()
        return f"{name}.{tag}"

    def serve(self, lanes: list[ExchangeLane], now: float) -> Effects:
        """Match what waits in these lanes with the sessions that are free for them, in turn."""
        effects: Effects = []
        while lanes := [lane for lane in lanes if self.queue.matchable(lane)]:
            lane = min(lanes, key=_turn) if len(lanes) > 1 else lanes[0]
            exchange = self.queue.next(lane, now)
            if exchange is None:
                lanes = [other for other in lanes if other is not lane]
                continue
            if now >= exchange.wait_until:
                effects += self.time_out(exchange, now)
                continue
            session = self.queue.taker(lane, exchange.coming)
            assert session is not None  # noqa: S101 - so `next` says
            if self.lender.peers and (lent := self.lender.outbid(session, lane)):
                effects += lent
                continue
            self.queue.remove(exchange)
            if not exchange.coming:
                lane.pace.mark(now)
            effects.append(self.lease(session, exchange, now))
        return effects

    def whole(self, exchange: Exchange, now: float) -> Effects:
        """The last of the request body is here."""
        exchange.upload.ended = True
        lease = exchange.lease
        if lease is None:
            return self.serve(self.queue.whole(exchange, now), now)
        if not lease.coming:
            return []
        self._let_upload_go(lease)
        return self.serve(self.queue.update(lease.session), now)

    def _let_upload_go(self, lease: Lease) -> None:
        lease.session.uploads -= 1
        lease.coming = False

    def release(self, lease: Lease, verdict: Late, now: float) -> Effects:
        """The lease is closed: its slot is free for the next exchange."""
        session, assignment, lane = lease.session, lease.assignment, lease.lane
        lane.busy -= 1
        if client := assignment.request.counts_for:
            if left := lane.held[client] - 1:
                lane.held[client] = left
            else:
                del lane.held[client]
        if lease.coming:
            self._let_upload_go(lease)
        if assignment.request.kind is WEBSOCKET:
            session.sockets -= 1
        del session.held[assignment.number], self.assigned[assignment]
        effects: Effects = []
        if lease.exchange.loan is not None:
            effects += self.lender.settle(lease)
        if lease.exchange.state is DONE:
            lease.exchange.lease = None
        if not session.profile.acknowledges:
            self.ledger.close(lease, verdict)
        lanes = self.queue.update(session)
        if session.draining:
            effects += self.retire(session, now)
        # Its client has fewer of this lane now, and may have left a slot to others there.
        if lane.base.requests and lane not in lanes:
            lanes.append(lane)
        return effects + self.serve(lanes, now) if lanes else effects

    def retire(self, session: Session, now: float) -> Effects:
        """A session that does not acknowledge ends with the last that it holds."""
        if session.held or session.profile.acknowledges or session.lost:
            return []
        session.lost = True
        return self.serve(self.queue.leave(session, now), now)

    def relieve(self, lanes: Iterable[ExchangeLane], now: float) -> Effects:
        """What waits in these lanes may need a slot that a client keeps."""
        effects: Effects = []
        for lane in lanes:
            lease, slow = self.relief.look(lane, now)
            if lease is not None:
                effects.append(Grant(lease))
            if slow is not None:
                silent = lane.kind is WEBSOCKET
                error = GatewayError(errors.OVERLOADED if silent else errors.SLOW_READER)
                slow.download.discard()  # its client would go on for long
                effects += self.fail(slow, error, CancelReason.DEADLINE, now)
        return effects

    def stall(self, lease: Lease, now: float) -> Effects:
        """The worker has sent a piece of the response: its client may have to read some first."""
        exchange = lease.exchange
        if exchange.request.kind is not HTTP or not self.relief.stands(lease, now):
            return []
        return self.relieve([lane for lane in lease.session.lanes if lane.count], now)

    # ------------------------------------------------------------ ends

    def fail(
        self, exchange: Exchange, error: GatewayError, reason: CancelReason, now: float
    ) -> Effects:
        """Answer the client in the worker's place, or cut a response that has begun."""
        if exchange.state is Caller.DONE:
            return []
        if exchange.repeated and error.kind.status == 503:
            error = GatewayError(errors.WORKER_LOST)  # 503 says that no worker has begun it
        exchange.apply(Call.FAIL)
        exchange.error = error.kind
        effects: Effects = [Fail(exchange, error)]
        if exchange.loan is not None:
            effects[:0] = self.lender.withdraw(exchange)
        return effects + self.end(exchange, Outcome.GATEWAY_ERROR, reason, now)

    def fail_lease(self, lease: Lease, kind: ErrorKind, now: float) -> Effects:
        """The worker half ended without a response: so does the caller half, if it goes on."""
        exchange = lease.exchange
        if exchange.state is Caller.DONE:
            self.deadlines.clear(exchange)
            return []
        return self.fail(exchange, GatewayError(kind), CancelReason.CLIENT_GONE, now)

    def end(
        self, exchange: Exchange, outcome: Outcome, reason: CancelReason, now: float
    ) -> Effects:
        """The caller half has ended, not with a complete response."""
        self.deadlines.clear(exchange)
        self.queue.remove(exchange)
        exchange.upload.discard()
        if outcome is Outcome.CLIENT_GONE:
            exchange.download.discard()  # otherwise the client gets what is here, then the cut
        self.done(exchange, outcome)
        effects = self.lender.left(exchange) if exchange.loan is not None else []
        return effects + self.couple(exchange, reason, now)

    def complete(self, exchange: Exchange, now: float) -> None:
        """The last byte of the response was handed to the client's connection."""
        exchange.apply(CALLER_COMPLETE)
        if exchange.lease is None or exchange.lease.state is CLOSED:
            self.deadlines.clear(exchange)
        self.done(exchange, BY_WORKER)

    def done(self, exchange: Exchange, outcome: Outcome) -> None:
        """The caller half is over: count it, and forget it."""
        if exchange.collected:
            self.queue.collected.discard(exchange)
        if exchange.download is not NO_BODY:
            self.relief.moves(exchange)
            self.relief.settle(exchange, over=True)
        exchange.outcome = outcome
        exchange.books.done[outcome] += 1
        del self.exchanges[exchange.id]
        if exchange.lease and exchange.lease.state is CLOSED:
            exchange.lease = None  # they hold each other, and only a collector would part them

    def couple(self, exchange: Exchange, reason: CancelReason, now: float) -> Effects:
        """The caller half has ended: the worker half is told, if it goes on."""
        lease = exchange.lease
        event = COUPLING.get(lease.state) if lease else None
        if lease is None or event is None:
            return []
        lease.apply(event)
        exchange.books.cancelled += 1
        effects: Effects = [Cancel(lease, reason)]
        if not lease.session.profile.acknowledges:
            lease.apply(WorkEvent.LOSE)
            effects += self.release(lease, Late.GONE, now)
        return effects

    def finish(self, lease: Lease, now: float) -> Effects:
        """The worker has sent all of the response. Raises LeaseError."""
        cancelled = lease.state is CANCELLED
        lease.apply(WORK_FINISH)
        lease.exchange.books.answered += not cancelled
        if lease.exchange.state is DONE:
            self.deadlines.clear(lease.exchange)
        if lease.exchange.download is not NO_BODY:
            self.relief.moves(lease.exchange)
        return self.release(lease, GONE if cancelled else ANSWERED, now)

    def time_out(self, exchange: Exchange, now: float) -> Effects:
        """Its time is over, or, if the client has its response, that of the worker half."""
        if exchange.state is Caller.DONE:
            return self.couple(exchange, CancelReason.DEADLINE, now)
        lease, kind = exchange.lease, errors.DEADLINE
        if lease is not None and self._is_silent(lease, now):
            return self.lose(lease, now) + self.serve([exchange.lane], now)
        if lease is None:
            served = exchange.lane.sessions or exchange.lane.seen > exchange.accepted_at
            kind = errors.QUEUE_TIMEOUT if served else errors.NO_WORKERS
        return self.fail(exchange, GatewayError(kind), CancelReason.DEADLINE, now)

    @property
    def soonest(self) -> float:
        """Nothing expires before this, in seconds; a bound that costs nothing."""
        exchanges, lanes = self.deadlines.soonest, self.queue.lingering.soonest
        soonest = exchanges if exchanges < lanes else lanes
        return soonest if soonest < self.relief.due else self.relief.due

    def _is_silent(self, lease: Lease, now: float) -> bool:
        """Its worker promised to answer or extend sooner than it has to."""
        promised = lease.state is Work.LEASED and lease.session.profile.lease
        return bool(promised) and now < lease.exchange.leased_at + self.limits.head_timeout

    def answer_by(self, session: Session, now: float) -> float:
        """When a worker of this session must answer what it is handed now."""
        most = self.limits.head_timeout
        return now + (min(session.profile.lease, most) if session.profile.lease else most)

    def stand(self, exchange: Exchange, now: float) -> None:
        """It has just moved: from now on it may stand still for a while."""
        socket = exchange.request.kind and exchange.request.kind is Kind.WEBSOCKET
        idle = self.limits.websocket_idle if socket else self.limits.idle_timeout
        self.deadlines.set(exchange, now + idle)


def _turn(lane: ExchangeLane) -> int:
    return lane.turn
