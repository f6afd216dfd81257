"""A link between two nodes: what one is told arrives at the other in order, some time later."""

from collections.abc import Callable
from itertools import count

from bench.lending.node import Node
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError, SlotGone
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.exchange import Exchange
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.http.message import Request, ResponseHead
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.receivers import AnswerReceiver, CancelReason

Message = Callable[[], None]
Send = Callable[[Message], None]
_ids = count(1)


class End:
    """Implements `core.receivers.PeerReceiver`: one node's end, `far` the other one's.

    `send` takes messages to the other end; `sent` counts them.
    """

    def __init__(self, node: Node, gateway: str, send: Send) -> None:
        self.node = node
        self._gateway = gateway
        self._send = send
        self.far = self
        self.sent = self.refused = self.relayed = 0
        self.out: dict[str, Assignment] = {}
        self.hosted: dict[str, Exchange] = {}

    @property
    def gateway(self) -> str:
        """See PeerReceiver."""
        return self._gateway

    def tell(self, message: Message) -> None:
        """Send a message."""
        self.sent += 1
        self._send(message)

    # ------------------------------------------------------------ PeerReceiver

    def offer(self, number: int, offer: Offer) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.offered(number, offer))

    def gone(self, number: int) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.withdrawn(number))

    def lend(self, number: int, slots: int, returned: int) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.lent(number, slots, returned))

    def recall(self, number: int, count: int) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.recalled(number, count))

    def released(self, id_: str) -> None:
        """See PeerReceiver."""
        del self.hosted[id_]
        self.tell(lambda: self.far.aborted(id_, AbortCode.CANCELLED))

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.wanted(number, count, oldest, urgency))

    def give_back(self, number: int, count: int) -> None:
        """See PeerReceiver."""
        self.tell(lambda: self.far.returned(number, count))

    # ------------------------------------------------------------ what the other end says

    def offered(self, number: int, offer: Offer) -> None:
        """Its workers serve this."""
        lending, guest = self.node.lending, Guest(self, number)
        self.node.perform(lending.offered(self, number, offer, guest, self.node.now()))

    def withdrawn(self, number: int) -> None:
        """They do no more."""
        self.node.perform(self.node.lending.withdrawn(self, number, self.node.now()))

    def lent(self, number: int, slots: int, returned: int) -> None:
        """We have so many of its slots."""
        self.node.perform(self.node.lending.lent(self, number, slots, returned, self.node.now()))

    def recalled(self, number: int, count: int) -> None:
        """It needs some of them."""
        self.node.perform(self.node.lending.recall(self, number, count))

    def wanted(self, number: int, count: int, oldest: float, urgency: int) -> None:
        """It wants some of ours."""
        now = self.node.now()
        self.node.perform(self.node.lending.wanted(self, number, count, oldest, urgency, now))

    def returned(self, number: int, count: int) -> None:
        """It gives some of ours back."""
        self.node.perform(self.node.lending.returned(self, number, count, self.node.now()))

    # ------------------------------------------------------------ exchanges of its clients

    def requested(self, number: int, id_: str, request: Request) -> None:
        """One of its clients' requests, on a slot that we lent."""
        there = Request(
            request.method,
            request.scheme,
            request.authority,
            request.target,
            request.http_version,
            request.headers,
            request.client,
            request.body_length,
            kind=request.kind,
            priority=request.priority,
            id=id_,
        )
        lending, now = self.node.lending, self.node.now()
        try:
            exchange, effects = lending.host(
                self, number, there.id, there, NO_BODY, Hosted(self, id_), now
            )
        except SlotGone:
            self.refused += 1
            self.tell(lambda: self.far.put_back(id_))
            return
        self.hosted[id_] = exchange
        self.node.perform(effects)

    def left(self, id_: str) -> None:
        """Its client has gone, or it waits no longer."""
        if (exchange := self.hosted.get(id_)) is not None:
            self.node.perform(self.node.core.leave(exchange, self.node.now()))

    # ------------------------------------------------------------ exchanges of our clients

    def answered(self, id_: str) -> None:
        """Its worker has answered."""
        if assignment := self.out.pop(id_, None):
            self.node.answer(self.node.steps.assigned[assignment])

    def put_back(self, id_: str) -> None:
        """No slot was there for it."""
        if assignment := self.out.pop(id_, None):
            lease = self.node.steps.assigned[assignment]
            if lease.cancelled:
                self.node.perform(
                    self.node.core.abort(lease, AbortCode.CANCELLED, "", self.node.now())
                )
            else:
                self.node.perform(self.node.core.put_back(lease, self.node.now()))

    def aborted(self, id_: str, code: AbortCode) -> None:
        """Its worker has ended it without an answer."""
        if assignment := self.out.pop(id_, None):
            lease = self.node.steps.assigned[assignment]
            self.node.perform(self.node.core.abort(lease, code, "", self.node.now()))

    def lost(self, id_: str) -> None:
        """Its worker is gone."""
        if assignment := self.out.pop(id_, None):
            lease = self.node.steps.assigned[assignment]
            self.node.perform(self.node.core.lost(lease, self.node.now()))

    # ------------------------------------------------------------ life

    def begin(self) -> None:
        """The link is here."""
        self.node.perform(self.node.lending.link(self))

    def end(self) -> None:
        """The link is gone."""
        for exchange in self.node.lending.hosted(self):
            self.node.perform(self.node.core.leave(exchange, self.node.now()))
        self.hosted.clear()
        self.out.clear()
        self.node.perform(self.node.lending.unlink(self, self.node.now()))


class Guest:
    """Implements `core.receivers.WorkReceiver` for the workers of a peer."""

    def __init__(self, end: End, number: int) -> None:
        self._end = end
        self._number = number

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        end, number, id_ = self._end, self._number, f"hosted{next(_ids)}"
        end.out[id_] = assignment
        end.relayed += 1
        end.tell(lambda: end.far.requested(number, id_, assignment.request))

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver."""
        id_ = next(id_ for id_, one in self._end.out.items() if one is assignment)
        self._end.tell(lambda: self._end.far.left(id_))

    def uploaded(self, assignment: Assignment) -> None:
        """See WorkReceiver. There are no bodies here."""

    def grant(self, assignment: Assignment, offset: int) -> None:
        """See WorkReceiver. There are no bodies here."""


class Hosted(AnswerReceiver):
    """The client of a hosted exchange."""

    def __init__(self, end: End, id_: str) -> None:
        self._end = end
        self._id = id_

    def answer(self, head: ResponseHead, download: Flow) -> None:
        """See AnswerReceiver."""
        end = self._end
        if end.hosted.pop(self._id, None):
            end.tell(lambda: end.far.answered(self._id))

    def fail(self, error: GatewayError) -> None:
        """See AnswerReceiver."""
        end, id_ = self._end, self._id
        end.hosted.pop(id_, None)
        if error.kind is errors.REFUSED:
            end.tell(lambda: end.far.aborted(id_, AbortCode.REFUSED))
        elif error.kind is errors.WORKER_LOST:
            end.tell(lambda: end.far.lost(id_))
        else:
            end.tell(lambda: end.far.aborted(id_, AbortCode.HANDLER_ERROR))


def connect(one: Node, other: Node, there: Send, back: Send) -> tuple[End, End]:
    """The two ends of a new link, not begun; `there` takes what `one` says."""
    ends = End(one, other.name, there), End(other, one.name, back)
    ends[0].far, ends[1].far = ends[1], ends[0]
    return ends
