"""The heart: what happens to exchanges when clients, workers and the clock speak.

House rules: no I/O and no clock (`now` is an argument, in seconds); a method decides, changes the
state and returns what the shell must do; a refused event raises and changes nothing.
"""

from typing import Any

from prack_grpc.core import errors
from prack_grpc.core.abort import ABORT_ERRORS, UNSTARTED, AbortCode
from prack_grpc.core.counters import Counters
from prack_grpc.core.deadlines import Deadlines
from prack_grpc.core.effects import Cancel, CancelReason, Deliver, Effects, Fail
from prack_grpc.core.errors import ErrorKind, GatewayError, LeaseError, WindowExceeded
from prack_grpc.core.exchange import COUPLING, Call, Caller, Event, Exchange, Lease, Outcome, Work
from prack_grpc.core.flow import UNBOUNDED, Flow
from prack_grpc.core.ledger import Ledger, Verdict
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind, Request, ResponseHead
from prack_grpc.core.queue import Queue
from prack_grpc.core.routes import Lane
from prack_grpc.core.session import Session


class Dispatcher:
    """All exchanges, sessions and leases of one gateway."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.counters = Counters()
        self.exchanges: dict[str, Exchange] = {}
        self.queue = Queue(limits, now)
        self.ledger = Ledger(limits.remembered_leases)
        self.draining = False
        self._deadlines: Deadlines[Exchange] = Deadlines()
        self._sequence = 0

    # ------------------------------------------------------------ caller half

    def submit(
        self, id_: str, request: Request, upload: Flow, handle: Any, now: float
    ) -> tuple[Exchange, Effects]:
        """Accept a request: hand it out at once or let it wait.

        Raises GatewayError (`draining`, `queue_full`); the request was then never accepted.
        """
        if self.draining:
            raise GatewayError(errors.DRAINING)
        lane = self.queue.lane(request)
        size = 0 if lane.ready else request.size + upload.buffered
        if not lane.ready and self.queue.full(size):
            raise GatewayError(errors.QUEUE_FULL)
        self._sequence += 1
        wait_until = now + self.limits.queue_timeout
        exchange = Exchange(id_, request, lane, self._sequence, now, wait_until, upload, handle)
        self.exchanges[id_] = exchange
        self.counters.accepted += 1
        if lane.ready:
            return exchange, [self._lease(next(iter(lane.ready)), exchange, now)]
        self.queue.append(exchange, size)
        self._deadlines.set(exchange, wait_until)
        return exchange, []

    def upload(self, exchange: Exchange, data: bytes, now: float) -> None:
        """A piece of the request body has come from the client."""
        exchange.upload.push(data)
        if exchange.lease is None:
            self.queue.grow(exchange, len(data))
        elif exchange.lease.state is Work.LEASED:
            lease = exchange.lease
            lease.expires_at = max(lease.expires_at, now + self.limits.head_timeout)
            self._deadlines.set(exchange, lease.expires_at)
        else:
            self._deadlines.set(exchange, self._idle_deadline(exchange, now))

    def room(self, exchange: Exchange) -> int:
        """Bytes of request body that may be read from the client now."""
        upload = exchange.upload
        if exchange.lease is not None:
            return upload.granted - upload.pushed
        room = self.limits.inline_body - upload.pushed
        return min(room, self.limits.queue_bytes - self.queue.bytes)

    def collect(self, exchange: Exchange) -> None:
        """A worker takes the request body only in one piece: let all of it come in."""
        if not exchange.upload.ended:
            # One byte too many shows that it is too large.
            exchange.upload.granted = max(exchange.upload.granted, self.limits.rest_body + 1)

    def leave(self, exchange: Exchange, now: float) -> Effects:
        """The client has gone. Nothing happens if the exchange is over."""
        if exchange.state is Caller.DONE:
            return []
        exchange.apply(Call.LEAVE)
        return self._end(exchange, Outcome.CLIENT_GONE, CancelReason.CLIENT_GONE, now)

    def fail(
        self, exchange: Exchange, error: GatewayError, reason: CancelReason, now: float
    ) -> Effects:
        """Answer the client in the worker's place, or cut a response that has begun."""
        if exchange.state is Caller.DONE:
            return []
        exchange.apply(Call.FAIL)
        exchange.error = error.kind
        effects = self._end(exchange, Outcome.GATEWAY_ERROR, reason, now)
        return [Fail(exchange, error), *effects]

    def complete(self, exchange: Exchange, now: float) -> None:
        """The last byte of the response was handed to the client's connection."""
        exchange.apply(Call.COMPLETE)
        if exchange.lease is None or exchange.lease.state is Work.CLOSED:
            self._deadlines.clear(exchange)
        self._done(exchange, Outcome.WORKER)

    def consumed(self, exchange: Exchange, now: float) -> bool:
        """The client took response bytes. True if the worker may be granted more."""
        if exchange.state is not Caller.DONE:
            self._deadlines.set(exchange, self._idle_deadline(exchange, now))
        return exchange.download.regrant(exchange.download.taken)

    # ------------------------------------------------------------ sessions

    def join(self, session: Session, now: float) -> Effects:
        """A worker is here. Raises BadRoute or TooManySessions."""
        return self._serve(self.queue.join(session, now), now)

    def resize(self, session: Session, slots: int, now: float) -> Effects:
        """The worker has changed its number of slots; what it holds stays."""
        session.slots = slots
        return self._serve(self.queue.update(session), now)

    def drain(self, session: Session, now: float) -> None:
        """Hand this session nothing more; `session.last_number` is the last that it was given.

        A session that does not acknowledge ends by itself once it holds nothing.
        """
        session.draining = True
        self.queue.update(session)
        self._retire(session, now)

    def lose(self, session: Session, now: float) -> Effects:
        """The worker is gone, and with it all it held."""
        if session.lost:
            return []
        session.lost = session.draining = True
        self.queue.leave(session, now)
        effects: Effects = []
        for lease in list(session.held.values()):
            self.counters.failed += not lease.cancelled
            lease.apply(Event.LOSE)
            self._release(lease, Verdict.STALE, now)
            effects += self._fail_lease(lease, errors.WORKER_LOST, now)
        return effects

    # ------------------------------------------------------------ worker half

    def head(self, lease: Lease, head: ResponseHead, end: bool, now: float) -> Effects:
        """The worker sent a checked response head; `end` if it sent the whole response.

        Raises LeaseError, or WindowExceeded when its body is larger than a fresh window; without
        a stream there are no windows, and the whole response comes at once.
        """
        windowed = lease.session.acknowledges or not end
        if windowed and len(head.body) > self.limits.window:
            raise WindowExceeded(f"a head with {len(head.body)} bytes of body")
        wanted = not lease.cancelled
        lease.apply(Event.HEAD)
        effects = self._finish(lease, now) if end else []
        if not wanted:
            return effects
        exchange = lease.exchange
        exchange.apply(Call.HEAD)
        exchange.upload.forget()
        self._deadlines.set(exchange, self._idle_deadline(exchange, now))
        if not end:
            exchange.download = Flow(self.limits.window, allowed=UNBOUNDED)
            exchange.download.push(head.body)
            lease.received = len(head.body)
            lease.expected = -1 if head.end else head.body_length
        return effects

    def interim(self, lease: Lease) -> bool:
        """The worker sent a head before the final one. True if the client still wants it.

        Raises LeaseError after the final head.
        """
        if lease.state not in (Work.LEASED, Work.CANCELLED):
            raise LeaseError("an interim head after the final one")
        return not lease.cancelled

    def data(self, lease: Lease, data: bytes, now: float) -> Effects:
        """The worker sent a piece of the response body.

        Raises LeaseError, or WindowExceeded past what it was granted.
        """
        if lease.cancelled:
            return []
        if lease.state is not Work.ANSWERING:
            lease.apply(Event.DATA)
        if 0 <= lease.expected < lease.received + len(data):
            return self.spoil(lease, "the body is longer than its Content-Length", now)
        lease.exchange.download.push(data)
        lease.received += len(data)
        if lease.exchange.state is not Caller.DONE:
            self._deadlines.set(lease.exchange, self._idle_deadline(lease.exchange, now))
        return []

    def finish(self, lease: Lease, now: float) -> Effects:
        """The worker has sent the whole response. Raises LeaseError."""
        wanted = not lease.cancelled
        short = wanted and 0 <= lease.expected != lease.received
        effects = self._finish(lease, now)
        if short:
            error = GatewayError(errors.BAD_RESPONSE, "the body is shorter than its Content-Length")
            return effects + self.fail(lease.exchange, error, CancelReason.BAD_RESPONSE, now)
        if wanted:
            lease.exchange.download.ended = True
        return effects

    def abort(self, lease: Lease, code: AbortCode, message: str, now: float) -> Effects:
        """The worker ends the exchange without a complete response. Raises LeaseError."""
        if code in UNSTARTED and lease.state is Work.LEASED:
            lease.apply(Event.RETURN)
            return self._requeue(lease, Verdict.STALE, now)
        cancelled = lease.cancelled
        lease.apply(Event.ABORT)
        if cancelled:
            return self._release(lease, Verdict.GONE, now)
        self.counters.failed += 1
        effects = self._release(lease, Verdict.ANSWERED, now)
        return effects + self._fail_lease(lease, ABORT_ERRORS.get(code, errors.WORKER_ERROR), now)

    def put_back(self, lease: Lease, now: float) -> Effects:
        """The hand-out never left for the worker: it does not count. Raises LeaseError."""
        lease.apply(Event.RETURN)
        lease.exchange.attempt -= 1
        return self._requeue(lease, Verdict.UNKNOWN, now)

    def spoil(self, lease: Lease, message: str, now: float) -> Effects:
        """What the worker sent cannot be passed on: 502, or a cut response."""
        error = GatewayError(errors.BAD_RESPONSE, message)
        return self.fail(lease.exchange, error, CancelReason.BAD_RESPONSE, now)

    def extend(self, lease: Lease, seconds: float, now: float) -> float:
        """The worker needs longer. Returns the seconds that it has now, clamped to `lease_max`."""
        latest = lease.exchange.leased_at + self.limits.lease_max
        if lease.state is Work.LEASED:
            lease.expires_at = max(lease.expires_at, min(now + seconds, latest))
            self._deadlines.set(lease.exchange, lease.expires_at)
        return lease.expires_at - now

    # ------------------------------------------------------------ time

    def next_deadline(self) -> float | None:
        """When `expire` must be called at the latest; None while nothing can expire."""
        first, second = self._deadlines.next(), self.queue.next_deadline()
        return min(first, second) if first and second else first or second

    def expire(self, now: float) -> Effects:
        """End everything whose time is over."""
        effects = self._serve(self.queue.forget(now), now)
        for exchange in self._deadlines.due(now):
            effects += self._time_out(exchange, now)
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
            effects += self.fail(exchange, GatewayError(kind), CancelReason.SHUTDOWN, now)
        return effects

    # ------------------------------------------------------------ steps

    def _idle_deadline(self, exchange: Exchange, now: float) -> float:
        websocket = exchange.request.kind is Kind.WEBSOCKET
        return now + (self.limits.websocket_idle if websocket else self.limits.idle_timeout)

    def _time_out(self, exchange: Exchange, now: float) -> Effects:
        """Its time is over, or, if the client has its response, that of the worker half."""
        if exchange.state is Caller.DONE:
            return self._couple(exchange, CancelReason.DEADLINE, now)
        kind = errors.DEADLINE
        if exchange.lease is None:
            served = exchange.lane.sessions or exchange.lane.seen > exchange.accepted_at
            kind = errors.QUEUE_TIMEOUT if served else errors.NO_WORKERS
        return self.fail(exchange, GatewayError(kind), CancelReason.DEADLINE, now)

    def _lease(self, session: Session, exchange: Exchange, now: float) -> Deliver:
        session.last_number += 1
        exchange.attempt += 1
        exchange.leased_at = now
        expires_at = now + self.limits.head_timeout
        lease = Lease(exchange, session, session.last_number, exchange.attempt, expires_at)
        exchange.lease = session.held[lease.number] = lease
        self.queue.update(session)
        self._deadlines.set(exchange, expires_at)
        self.counters.leased += 1
        if not session.acknowledges:
            self.ledger.open(lease)
        return Deliver(lease)

    def _serve(self, lanes: list[Lane], now: float) -> Effects:
        """Match what waits in these lanes with the sessions that are free for them."""
        effects: Effects = []
        for lane in lanes:
            while lane.waiting and lane.ready:
                session = next(iter(lane.ready))
                exchange = self.queue.oldest(session)
                if now >= exchange.wait_until:
                    effects += self._time_out(exchange, now)
                    continue
                self.queue.remove(exchange)
                effects.append(self._lease(session, exchange, now))
        return effects

    def _release(self, lease: Lease, verdict: Verdict, now: float) -> Effects:
        """The lease is closed: its slot is free for the next exchange."""
        session = lease.session
        del session.held[lease.number]
        if not session.acknowledges:
            self.ledger.close(lease, verdict)
        if session.draining:
            self._retire(session, now)
            return []
        return self._serve(self.queue.update(session), now)

    def _retire(self, session: Session, now: float) -> None:
        if not session.held and not session.acknowledges and not session.lost:
            session.lost = True
            self.queue.leave(session, now)

    def _finish(self, lease: Lease, now: float) -> Effects:
        cancelled = lease.cancelled
        lease.apply(Event.FINISH)
        self.counters.answered += not cancelled
        if lease.exchange.state is Caller.DONE:
            self._deadlines.clear(lease.exchange)
        return self._release(lease, Verdict.GONE if cancelled else Verdict.ANSWERED, now)

    def _requeue(self, lease: Lease, verdict: Verdict, now: float) -> Effects:
        """Nobody has started it: the exchange goes to the front, for any method."""
        self.counters.returned += 1
        exchange = lease.exchange
        if exchange.attempt >= self.limits.max_attempts or not exchange.upload.rewind():
            effects = self.fail(exchange, GatewayError(errors.REFUSED), CancelReason.SHUTDOWN, now)
        else:
            exchange.lease, exchange.lane = None, self.queue.lane(exchange.request)
            # Only time in the queue counts as waiting.
            exchange.wait_until += now - exchange.leased_at
            self._deadlines.set(exchange, exchange.wait_until)
            size = exchange.request.size + exchange.upload.buffered
            self.queue.append(exchange, size, front=True)
            effects = self._serve([exchange.lane], now)
        return effects + self._release(lease, verdict, now)

    def _fail_lease(self, lease: Lease, kind: ErrorKind, now: float) -> Effects:
        exchange = lease.exchange
        if exchange.state is Caller.DONE:
            self._deadlines.clear(exchange)
            return []
        return self.fail(exchange, GatewayError(kind), CancelReason.CLIENT_GONE, now)

    def _end(
        self, exchange: Exchange, outcome: Outcome, reason: CancelReason, now: float
    ) -> Effects:
        self._deadlines.clear(exchange)
        self.queue.remove(exchange)
        exchange.upload.discard()
        exchange.download.discard()
        self._done(exchange, outcome)
        return self._couple(exchange, reason, now)

    def _done(self, exchange: Exchange, outcome: Outcome) -> None:
        exchange.outcome = outcome
        self.counters.done[outcome] += 1
        del self.exchanges[exchange.id]

    def _couple(self, exchange: Exchange, reason: CancelReason, now: float) -> Effects:
        """The caller half has ended: the worker half is told, if it goes on."""
        lease = exchange.lease
        event = COUPLING.get(lease.state) if lease else None
        if lease is None or event is None:
            return []
        lease.apply(event)
        self.counters.cancelled += 1
        effects: Effects = [Cancel(lease, reason)]
        if not lease.session.acknowledges:
            lease.apply(Event.LOSE)
            effects += self._release(lease, Verdict.GONE, now)
        return effects
