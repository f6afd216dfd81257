"""An exchange, as two coupled halves, the session that holds the second one, and their ledger.

The caller half (`Exchange`) is what the client is owed. The worker half (`Lease`) is one hand-out
to one worker, in that worker's `Session`. An exchange without a lease waits in its lane. The three
hold each other, so they stand in one file; what moves them on is in `states.py`.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from prack_grpc.core.counters import Counters
from prack_grpc.core.errors import ErrorKind, Late, LeaseError, NotHeld
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import NO_BODY, Flow
from prack_grpc.core.exchange.states import (
    CALLER,
    CANCELLED,
    WORKER,
    Call,
    Caller,
    Outcome,
    Work,
    WorkEvent,
)
from prack_grpc.core.http.message import HTTP, WEBSOCKET, Kind, Request
from prack_grpc.core.lending.loan import Loan
from prack_grpc.core.queue.lane import Lane
from prack_grpc.core.queue.order import NEVER
from prack_grpc.core.queue.traffic import Pool
from prack_grpc.core.receivers import AnswerReceiver, WorkReceiver
from prack_grpc.core.worker import Principal, Profile


@dataclass(slots=True, eq=False)
class Exchange:
    """The caller half. `client` takes what comes of it, `books` count it.

    Who came first has the lower `place`. At `wait_until` its wait for a free worker is over. It was
    `repeated` if it went back to the queue though a worker may have begun it. Once both halves have
    ended it has no `lease`. `lent` is what its response may have beyond its window, and it
    `stands_since` its client has held it up for the first time. One of a peer is hosted, on a slot
    of a `loan`, and never waits here; its `id` is this gateway's, that of its request the owner's.
    """

    id: str
    request: Request
    lane: "Lane[Exchange, Session]"
    sequence: int
    accepted_at: float
    wait_until: float
    upload: Flow
    client: AnswerReceiver
    books: Counters
    download: Flow = NO_BODY
    state: Caller = Caller.WAITING
    lease: "Lease | None" = None
    attempt: int = 0
    repeated: bool = False
    leased_at: float = 0.0
    queued_bytes: int = 0
    collected: int = 0
    outcome: Outcome | None = None
    error: ErrorKind | None = None
    slice: int = NEVER
    place: int = 0
    lent: int = 0
    stands_since: float = 0.0
    loan: "Loan[Session] | None" = None

    @property
    def coming(self) -> bool:
        """Its body is still on its way: who takes it now may have to wait for its client."""
        return not self.upload.ended and self.request.kind is HTTP

    def take_events(self) -> None:
        """The worker of this WebSocket takes events: from now on this is their first batch."""
        if self.request.opening:
            self.request, body = self.request.opening
            self.upload = Flow(len(body), keep=len(body))
            self.upload.push(body)
            self.upload.ended = True

    def apply(self, event: Call) -> None:
        """Move the caller half on. Raises LeaseError, with nothing changed, if it must not."""
        try:
            self.state = CALLER[self.state][event]
        except KeyError:
            raise LeaseError(
                f"{event.name} does not fit a caller that is {self.state.name}"
            ) from None


@dataclass(slots=True, eq=False)
class Lease:
    """The worker half: one exchange in one worker's hands; `assignment` is what its side knows.

    It was taken from this `lane`, whatever has become of that.
    `received` counts the body bytes that the worker has sent, `expected` is what its head declared,
    -1 for any. `upload_sent` says that the worker has all of the request body, `coming` that the
    gateway has not, so that the lease counts as an upload of its session.
    """

    exchange: Exchange
    session: "Session"
    assignment: Assignment
    expires_at: float
    lane: "Lane[Exchange, Session]"
    coming: bool = False
    state: Work = Work.LEASED
    received: int = 0
    expected: int = -1
    upload_sent: bool = False

    @property
    def cancelled(self) -> bool:
        """The gateway wants nothing more of it; the worker still has its slot."""
        return self.state is CANCELLED

    def apply(self, event: WorkEvent) -> None:
        """Move the worker half on. Raises LeaseError, with nothing changed, if it must not."""
        try:
            self.state = WORKER[self.state][event]
        except KeyError:
            raise LeaseError(
                f"{event.name} does not fit a lease that is {self.state.name}"
            ) from None


Slots = tuple[int, int]  # of a worker, and those that it has for WebSockets alone


@dataclass(slots=True, eq=False)
class Session:
    """One worker's stream, or one REST poll: a session that drains once it was given something.

    It never holds more than its `slots`, which can change, and are 0 while its worker has paused;
    of WebSockets, which are counted in `sockets`, it may have more in slots of their own. A
    cancelled lease of one that acknowledges keeps its slot until then. Those `elsewhere` are
    for another gateway to use, see `core/succession`. It is of the `principal`,
    and `receiver` takes what it is handed. While an operator has it `paused`, it is in no line.
    Numbers of leases are never used again. Of what it holds, `uploads` have a body that is still on
    its way; while it is `open`, it may take one more of these. In the lines of the lanes that it
    serves it stands at these `levels`, one for each kind. Slots that are lent to peers and not
    in use are `reserved`, or `reserved_sockets` of those for WebSockets alone. A `guest` stands for
    workers of a peer: its slots are what was lent to us, and so many were `used` at a time since
    what was not used has last been given back. If these take `whole` bodies, none that is still on
    its way goes there: it would keep a slot.
    """

    profile: Profile
    principal: Principal
    receiver: WorkReceiver
    slots: int
    websocket_slots: int = 0
    joined_at: float = 0.0
    lanes: "list[Lane[Exchange, Session]]" = field(default_factory=list)
    levels: dict[Kind, int] = field(default_factory=dict)
    held: dict[int, Lease] = field(default_factory=dict)
    last_number: int = 0
    draining: bool = False
    lost: bool = False
    paused: bool = False
    sockets: int = 0
    uploads: int = 0
    open: bool = False
    elsewhere: Slots = (0, 0)
    reserved: int = 0
    reserved_sockets: int = 0
    guest: bool = False
    whole: bool = False
    used: int = 0

    @property
    def pool(self) -> Pool:
        """What it runs."""
        return self.profile.service, self.profile.version

    def levels_by_kind(self) -> dict[Kind, int]:
        """Own workers go first, and a WebSocket to streams before polls, which take batches."""
        about = self.profile
        batches = Kind.EVENTS in about.kinds if self.guest else not about.acknowledges
        level = 4 * about.tier + 2 * self.guest
        return {kind: level + (batches and kind is WEBSOCKET) for kind in about.kinds}

    @property
    def free(self) -> bool:
        """Another request may be handed to this worker now."""
        return self.room(HTTP) > 0

    def room(self, kind: Kind) -> int:
        """So many more exchanges of this kind may be handed to this worker now, if above 0."""
        if self.draining:
            return 0
        if not self.websocket_slots:
            return self.slots - len(self.held) - self.reserved - self.elsewhere[0]
        if kind is WEBSOCKET:
            away = self.reserved_sockets + self.elsewhere[1]
            return self.websocket_slots - self.sockets - away
        return self.slots - len(self.held) + self.sockets - self.reserved - self.elsewhere[0]

    @property
    def overdrawn(self) -> bool:
        """More slots for WebSockets alone are lent than there are."""
        return self.websocket_slots > 0 and self.room(WEBSOCKET) < 0

    def reserve(self, kind: Kind, slots: int) -> None:
        """Set so many slots aside, of those for WebSockets alone or of the others; or free them."""
        if kind is WEBSOCKET:
            self.reserved_sockets += slots
        else:
            self.reserved += slots


ExchangeLane = Lane[Exchange, Session]


class Ledger:
    """Hand-outs by name, for workers that answer without a stream: all that are open.

    To others than the principal that has it, or had it, a name is unknown.
    The last `remembered` closed ones are known, too, so that a late answer can be told why it is
    late.
    """

    def __init__(self, remembered: int) -> None:
        self._open: dict[str, Lease] = {}
        self._closed: OrderedDict[str, tuple[Late, Principal]] = OrderedDict()
        self._remembered = remembered

    def __len__(self) -> int:
        return len(self._open)

    def open(self, lease: Lease) -> None:
        """Remember a new hand-out."""
        self._open[lease.assignment.identifier] = lease

    def find(self, identifier: str, principal: Principal) -> Lease:
        """The open hand-out of this name. Raises NotHeld with the reason."""
        lease = self._open.get(identifier)
        if lease is not None and _owns(principal, lease.session.principal):
            return lease
        late, owner = self._closed.get(identifier, (Late.UNKNOWN, principal))
        raise NotHeld(late if _owns(principal, owner) else Late.UNKNOWN)

    def close(self, lease: Lease, late: Late) -> None:
        """The hand-out has ended; the oldest memory makes room."""
        if self._open.get(lease.assignment.identifier) is not lease:
            return
        del self._open[lease.assignment.identifier]
        self._closed[lease.assignment.identifier] = late, lease.session.principal
        if len(self._closed) > self._remembered:
            self._closed.popitem(last=False)


def _owns(principal: Principal, owner: Principal) -> bool:
    return owner is principal or principal.has_subject_of(owner)
