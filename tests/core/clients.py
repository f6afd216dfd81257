"""Everything that clients can do."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from prack_grpc.core import errors
from prack_grpc.core.effects import Cancel, Effects, Fail
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.http.message import Kind
from prack_grpc.core.receivers import NOBODY, CancelReason
from tests.core.building import a_request, an_upload
from tests.core.life import LIMITS, Life, bodies, idle, one, picks, requests, sizes
from tests.core.lines import pool_of
from tests.core.owed import Owed


class Clients(Life):
    """Requests, request bodies, and clients that read, finish or leave."""

    @rule(request=requests, body=bodies)
    def submit_another(self, request: dict[str, Any], body: tuple[int, bool]) -> None:
        self.submit(request, body)

    @rule(asked=requests, length=bodies)
    def submit(self, asked: dict[str, Any], length: tuple[int, bool]) -> None:
        model, (size, end) = self.model, length
        body = bytes(range(size))
        request = a_request(**asked, body_length=size if end else -1)
        upload = an_upload(LIMITS, body, end)
        name = f"id{next(self.ids)}"

        def act() -> tuple[Exchange, Effects]:
            return self.core.submit(name, request, upload, NOBODY, self.now)

        number = self.core.counters.accepted + 1
        lane = self.core.queue.lane(request, number, self.now)
        self.follow()
        place = model.place(request, number, pool_of(lane))
        coming = not end and request.kind is Kind.HTTP
        ready, rate = bool(model.takers(place, coming)), lane.pace.rate(self.now)
        ready = ready and not model.is_left(place, request.counts_for)
        ahead = [one for one in model.lines[place] if not one.coming]
        if model.draining:
            assert self.refused(GatewayError, act).kind is errors.DRAINING
        elif not ready and model.full(place, request.size + size):
            assert self.refused(GatewayError, act).kind is errors.QUEUE_FULL
        elif not ready and rate and len(ahead) > rate * LIMITS.queue_timeout:
            assert self.refused(GatewayError, act).kind is errors.OVERLOADED
        else:
            exchange, effects = act()
            assert exchange.lane is self.lanes()[place], "not the most specific route"
            wait_until = self.now + LIMITS.queue_timeout
            owed = model.owed[exchange] = Owed(
                exchange, body, wait_until, wait_until, end, next(model.places_given)
            )
            model.lines[place].append(owed)
            self.perform(effects)
            assert owed.hand_outs or not ready

    @property
    def uploading(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if not owed.exchange.upload.ended]

    @precondition(lambda self: self.uploading)
    @rule(number=picks, size=sizes, end=st.booleans())
    def upload(self, number: int, size: int, end: bool) -> None:
        owed = one(self.uploading, number)
        exchange, start = owed.exchange, len(owed.body)
        whole = bytes((start + i) % 256 for i in range(size))
        piece = whole[: max(0, self.core.room(exchange))]
        if piece:
            self.core.upload(exchange, piece, self.now)
            owed.body += piece
            self.uploaded(owed)
        if end and len(piece) == size:
            model = self.model
            effects = self.core.uploaded(exchange, self.now)
            model.arrive(owed)
            self.perform(effects)

    def uploaded(self, owed: Owed) -> None:
        lease = owed.exchange.lease
        if lease is None:
            assert len(owed.body) <= LIMITS.request_buffer
            assert self.core.queue.bytes <= LIMITS.queue_bytes
            assert self.core.queue.ahead.bytes <= LIMITS.queue_bytes / 2
            owed.deadline = owed.wait_until = self.now + LIMITS.queue_timeout
            return
        assert owed.exchange.upload.buffered <= max(LIMITS.window, LIMITS.rest_body + 1)
        if self.model.hands[lease].state is Work.LEASED:
            answer_by = self.model.answer_by(lease.session, self.now)
            owed.deadline = max(owed.deadline, answer_by)
        else:
            owed.deadline = self.now + idle(owed)

    @precondition(lambda self: self.model.owed)
    @rule(number=picks)
    def leave(self, number: int) -> None:
        owed = one(list(self.model.owed.values()), number)
        if not owed.unfinished:
            assert self.ignored(lambda: self.core.leave(owed.exchange, self.now)) == []
            return
        lease = owed.exchange.lease
        effects = self.core.leave(owed.exchange, self.now)
        owed.outcome = Outcome.CLIENT_GONE
        self.model.unline(owed)
        self.end_by_client(lease, effects)

    @precondition(lambda self: self.uploading)
    @rule(number=picks)
    def cut_the_upload(self, number: int) -> None:
        owed, error = one(self.uploading, number), GatewayError(errors.BODY_TOO_LARGE)
        lease = owed.exchange.lease
        effects = self.core.fail(owed.exchange, error, CancelReason.REQUEST_CUT, self.now)
        assert effects[0] == Fail(owed.exchange, error)
        self.end_by_client(lease, effects)

    def end_by_client(self, lease: Lease | None, effects: Effects) -> None:
        """Its worker is told, if it has one."""
        told = [lease] if lease and self.model.hands[lease].open else []
        assert [effect.lease for effect in effects if isinstance(effect, Cancel)] == told
        self.perform(effects)

    @property
    def reading(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if owed.begun and not owed.whole]

    @precondition(lambda self: self.reading)
    @rule(number=picks, size=sizes)
    def read(self, number: int, size: int) -> None:
        self.take_response(one(self.reading, number), size)

    def take_response(self, owed: Owed, size: int) -> None:
        """The client's connection takes some of the response body."""
        owed.got += owed.exchange.download.take(size)
        assert owed.sent.startswith(owed.got), "S2: not what its worker has sent"
        self.core.consumed(owed.exchange, self.now)
        owed.deadline = self.now + idle(owed)

    @property
    def served(self) -> list[Owed]:
        return [owed for owed in self.model.unfinished if owed.served]

    @precondition(lambda self: self.served)
    @rule(number=picks)
    def complete(self, number: int) -> None:
        self.finish_reading(one(self.served, number))

    def finish_reading(self, owed: Owed) -> None:
        """The client's connection has taken all of it."""
        assert owed.whole or owed.got == owed.sent
        self.steps.complete(owed.exchange, self.now)
        owed.outcome = Outcome.WORKER
