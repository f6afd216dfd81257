"""A gateway as its core alone: what its decisions ask for is done at once, without any I/O."""

from prack_grpc.core.answering import Answering
from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import (
    Answer,
    Cancel,
    Deliver,
    Effect,
    Effects,
    Fail,
    Finish,
    Grant,
    Refuse,
)
from prack_grpc.core.errors import ErrorKind
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.flow import NO_BODY
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Request, ResponseHead
from prack_grpc.core.lending.lending import Lending
from prack_grpc.core.receivers import NOBODY


class Node:
    """Subclasses have workers, clients and a clock. All answers are whole and small."""

    def __init__(self, name: str, hand_out: HandOut, lending: type[Lending] = Lending) -> None:
        self.name = name
        self.steps = hand_out
        self.core = Dispatcher(hand_out)
        self.answering = Answering(hand_out)
        self.lending = lending(self.core, hand_out)

    # ------------------------------------------------------------ what a subclass has

    def now(self) -> float:
        """The time, in seconds."""
        raise NotImplementedError

    def delivered(self, lease: Lease) -> None:
        """A worker here has it."""
        raise NotImplementedError

    def cancelled(self, lease: Lease) -> None:
        """A worker here is told that nobody waits for it."""
        raise NotImplementedError

    def answered(self, exchange: Exchange) -> None:
        """A client here has its response."""
        raise NotImplementedError

    def failed(self, exchange: Exchange, kind: ErrorKind) -> None:
        """A client here has an error."""
        raise NotImplementedError

    # ------------------------------------------------------------ events

    def submit(self, request: Request) -> Exchange:
        """A request without a body. Raises GatewayError."""
        exchange, effects = self.core.submit(request.id, request, NO_BODY, NOBODY, self.now())
        self.perform(effects)
        return exchange

    def answer(self, lease: Lease) -> None:
        """A worker has answered, here or at a peer."""
        wanted, head = not lease.cancelled, ResponseHead(200, [], b"", True, 0)
        effects = self.answering.begin(lease, head, True, self.now())
        if wanted:
            effects.append(Answer(lease.exchange, head))
        self.perform(effects)

    def expire(self) -> None:
        """Time has passed."""
        self.perform(self.core.expire(self.now()))

    def perform(self, effects: Effects) -> None:
        """What a shell does, until nothing more follows."""
        for effect in effects:
            self._perform(effect)
        while self.lending.linked and (more := self.lending.follow(self.now())):
            for effect in more:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Deliver):
            self._deliver(effect.lease)
        elif isinstance(effect, Cancel):
            self._cancel(effect)
        elif isinstance(effect, Answer):
            self._answer(effect)
        elif isinstance(effect, Fail):
            self._fail(effect)
        elif not isinstance(effect, Finish | Grant | Refuse):
            effect.tell(self.now())

    def _deliver(self, lease: Lease) -> None:
        if lease.session.guest:
            lease.session.receiver.deliver(lease.assignment)
        else:
            self.delivered(lease)

    def _cancel(self, effect: Cancel) -> None:
        if effect.lease.session.guest:
            effect.lease.session.receiver.cancel(effect.lease.assignment, effect.reason)
        else:
            self.cancelled(effect.lease)

    def _answer(self, effect: Answer) -> None:
        exchange = effect.exchange
        if exchange.loan is None:
            self.answered(exchange)
        exchange.client.answer(effect.head, exchange.download)
        self.steps.complete(exchange, self.now())

    def _fail(self, effect: Fail) -> None:
        if effect.exchange.loan is None:
            self.failed(effect.exchange, effect.error.kind)
        effect.exchange.client.fail(effect.error)
