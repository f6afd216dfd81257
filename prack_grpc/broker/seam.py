"""The seam between the edges and the queue, in the words of the domain.

Four sides: what clients need (`PublicSide`), what workers need (`WorkerSide`), what operators need
(`OperatorSide`), and what other gateways need (`PeerSide`). No edge knows where exchanges wait, or
reads or changes an object of the core: it holds a `Ticket`, a `Membership` or an `Assignment`, and
asks with these. Everything here runs on one event loop. `now` never appears: an implementation
brings its clock; times are seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.lending.status import LinkStatus
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.receivers import PeerReceiver, WorkReceiver
from prack_grpc.core.status import ExchangeStatus, Status
from prack_grpc.core.succession.claims import Allowed, Claim
from prack_grpc.core.worker import Principal, Profile


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """A worker that has joined: the key to its place in the lines."""

    worker: str


class Piece(NamedTuple):
    """A piece of a request body. `more` may be taken at once; `last` is said once, at the end."""

    data: bytes
    more: bool
    last: bool


class PublicSide(Protocol):
    """What whoever submits requests needs."""

    def submit(
        self, request: Request, body: bytes, end: bool, news: Callable[[], None] | None = None
    ) -> Ticket:
        """Queue a request with the body that is here already; `end` if that is all of it.

        `news` is called when something has come of it, see Ticket; never before this returns.

        Raises GatewayError when it cannot be accepted.
        """

    async def upload(self, ticket: Ticket, data: bytes, end: bool) -> None:
        """Pass on a piece of the request body; waits until there is room for it."""

    def consumed(self, ticket: Ticket) -> None:
        """The client's connection took the last piece."""

    def complete(self, ticket: Ticket) -> None:
        """The client's connection took the whole response."""

    def leave(self, ticket: Ticket) -> None:
        """The client has gone."""

    def fail(self, ticket: Ticket, error: GatewayError) -> None:
        """The client's side of the exchange cannot go on."""


class WorkerSide(Protocol):
    """What whoever answers requests needs.

    An assignment that has ended is known no more: to ask about it is no mistake, to send for it is
    one (LeaseError).
    """

    # ------------------------------------------------------------ the worker

    def join(self, profile: Profile, principal: Principal, receiver: WorkReceiver) -> Membership:
        """A worker is here; its receiver may be called from now on, and before this returns.

        Raises OutOfScope, BadRoute or TooManySessions.
        """

    def resize(self, member: Membership, slots: int, websocket_slots: int = 0) -> None:
        """The worker has changed its numbers of slots, see Profile; it pauses if both are 0.

        Raises OutOfScope.
        """

    def grow(self, member: Membership) -> None:
        """The worker has not yet got what it was handed: it has room for one more."""

    def drain(self, member: Membership) -> int:
        """Hand this worker nothing more. Returns the number of the last that it was handed."""

    def lose(self, member: Membership) -> None:
        """The worker is gone."""

    # ------------------------------------------------------------ what it was handed

    def find(self, identifier: str, principal: Principal) -> Assignment:
        """What a worker of this principal, which does not acknowledge, holds by this name.

        Raises NotHeld.
        """

    def progress(self, assignment: Assignment) -> Work:
        """How far it has come; CLOSED once it has ended."""

    def remaining(self, assignment: Assignment) -> float:
        """Seconds until the response head is due."""

    def extend(self, assignment: Assignment, seconds: float) -> float:
        """The worker needs longer. Returns the seconds that it has now."""

    # ------------------------------------------------------------ the request body

    def received(self, assignment: Assignment) -> bool:
        """All of the request body is here."""

    def body_length(self, assignment: Assignment) -> int:
        """Bytes of the whole request body; -1 while nobody knows."""

    def allow(self, assignment: Assignment, offset: int) -> None:
        """The worker takes request body up to this offset."""

    def take(self, assignment: Assignment, most: int) -> Piece:
        """The next piece of the request body, at most so many bytes."""

    def rewind(self, assignment: Assignment) -> bool:
        """Give the worker the request body from its start again. False if it is not here."""

    async def collect(self, assignment: Assignment) -> bytes | None:
        """The whole request body; None if the worker is not to have it any more."""

    # ------------------------------------------------------------ the response

    def head(
        self, assignment: Assignment, status: int, headers: Headers, body: bytes, end: bool
    ) -> None:
        """A response head of the worker, unchecked; `end` if `body` is all of the body.

        Heads with a status from 102 to 199 may come before the final one.

        Raises BadResponse (the client has got 502), LeaseError or WindowExceeded.
        """

    def room(self, assignment: Assignment) -> int:
        """Bytes of response body that the worker may send now."""

    def granted(self, assignment: Assignment) -> int:
        """The offset up to which the worker may send response body."""

    def data(self, assignment: Assignment, data: bytes) -> None:
        """A piece of response body.

        Raises BadResponse (the response is cut), LeaseError or WindowExceeded.
        """

    def finish(self, assignment: Assignment, trailers: Headers) -> None:
        """The response is complete. Raises LeaseError or BadResponse."""

    def abort(self, assignment: Assignment, code: AbortCode, message: str) -> None:
        """The worker ends the exchange without a complete response. Raises LeaseError."""

    def spoil(self, assignment: Assignment, message: str) -> None:
        """The worker's events make no response: the client gets 502, or a cut response."""

    def put_back(self, assignment: Assignment) -> None:
        """It never left for the worker: it does not count. Raises LeaseError."""

    def lost(self, assignment: Assignment, reason: str) -> None:
        """The worker has gone away with this one. Raises LeaseError."""


class OperatorSide(Protocol):
    """What whoever runs the gateway needs."""

    def pause(self, who: Pool | str, paused: bool) -> None:
        """Hand a worker, or all of a version, nothing more, or something again."""

    def expel(self, principal: Principal) -> None:
        """Its credentials are valid no more: it cannot join, and what its polls hold is lost.

        The edges end its connections and parked polls.
        """

    def divide(self, service: str, split: Split | None) -> None:
        """Divide the requests of a service between its versions, or stop that."""

    def status(self) -> Status:
        """Who is here, what waits and what has been done."""

    def exchanges(self) -> Iterator[ExchangeStatus]:
        """What is not over, the oldest first. To be read before anything changes."""

    def begin_drain(self) -> None:
        """Accept no more requests; what is here goes on."""

    async def idle(self, seconds: float) -> None:
        """Wait until no exchange but WebSockets is open, at most so long."""

    def shut_down(self) -> None:
        """End every exchange that is still here."""


class Overlap(Protocol):
    """What two gateways need while one replaces the other: their workers are the same.

    What has to be said is passed to `tell`, now and whenever that changes. What the other gateway
    says goes to the function that is returned. See `core/succession`.
    """

    def leave(self, tell: Callable[[Sequence[Claim]], None]) -> Callable[[Iterable[Allowed]], None]:
        """We are replaced: claim what slots we need, and have back what is lent to peers."""

    def follow(
        self, tell: Callable[[Sequence[Allowed]], None]
    ) -> Callable[[Iterable[Claim]], None]:
        """We replace another gateway: no stream has a slot here before its claims have come."""

    def end(self) -> None:
        """The other gateway has gone: all slots are ours."""


class Broker(PublicSide, WorkerSide, OperatorSide, Protocol):
    """All sides of one queue but that of peers, and what it shares with another."""

    @property
    def overlap(self) -> Overlap:
        """While one gateway replaces another."""


class PeerSide(Protocol):
    """What links to other gateways need. Each peer is known by its receiver.

    A peer's workers are guests here: the ordinary `WorkerSide` takes what they answer. A peer's
    requests are hosted here: the ordinary `PublicSide` takes what their clients do. A number names
    an offer of whoever is its host. What peers tell of a number that is unknown, or known no more,
    does nothing: messages cross.
    """

    def link(self, peer: PeerReceiver) -> None:
        """A peer is here: it is told of all offers."""

    def unlink(self, peer: PeerReceiver) -> None:
        """It is gone: what its workers held is lost, what its clients asked for is cancelled."""

    # ------------------------------------------------------------ what it says as host

    def offered(
        self, peer: PeerReceiver, number: int, offer: Offer, receiver: WorkReceiver
    ) -> None:
        """Its workers serve this, so far with no slots for us; `receiver` takes what they get.

        Raises BadRoute past a limit of routes; the number is then unknown.
        """

    def withdrawn(self, peer: PeerReceiver, number: int) -> None:
        """Its workers serve this no more. What they hold of ours they may finish."""

    def lent(self, peer: PeerReceiver, number: int, slots: int, returned: int) -> None:
        """We have so many of its slots; it has counted so many that we gave back."""

    def recall(self, peer: PeerReceiver, number: int, count: int) -> None:
        """It needs so many idle ones; what it gets is told with `PeerReceiver.give_back`."""

    # ------------------------------------------------------------ what it says as owner

    def wanted(
        self, peer: PeerReceiver, number: int, count: int, oldest: float, urgency: int
    ) -> None:
        """So many of its requests could use our slots; the oldest waits for so many seconds."""

    def returned(self, peer: PeerReceiver, number: int, count: int) -> None:
        """It gives so many idle slots back."""

    def host(
        self,
        peer: PeerReceiver,
        number: int,
        ticket: Ticket,
        request: Request,
        body: bytes,
        end: bool,
        *,
        attempt: int = 1,
        queued: float = 0.0,
    ) -> None:
        """Hand a request of its to a worker of ours, on a slot that it was lent; as `submit`.

        At its owner this is hand-out number `attempt`, after it has waited for `queued` seconds.
        The ticket has a new name of this gateway's; `request.id` is the owner's, for the worker.
        Such an exchange never waits here: if its worker gives it back it fails with `refused`, if
        that is lost with `worker_lost`, and its owner decides. Who leaves it is told when its slot
        is free: `PeerReceiver.released`.

        Raises SlotGone.
        """

    # ------------------------------------------------------------ what there is to see

    def links(self) -> list[LinkStatus]:
        """What is lent to each peer, and what is borrowed from it."""


class LinkedBroker(Broker, PeerSide, Protocol):
    """All four sides of one queue."""
