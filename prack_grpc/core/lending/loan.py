"""What is lent, and to whom, as data."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.queue.order import NEVER
from prack_grpc.core.receivers import PeerReceiver

S = TypeVar("S", bound=Hashable)

# So much longer, in seconds, must a request have waited to go before one of another gateway.
# What is relayed holds its slot for longer, so to change sides for less costs all of them more.
TOLERANCE = 0.060
# Added to the urgency of a client that has its share, so that it is behind all of RFC 9218, 0 to 7.
BEHIND = 8


class Claim(NamedTuple):
    """How urgent the first of some requests is, and since when it waits."""

    urgency: int
    since: float

    @property
    def behind(self) -> bool:
        """Only clients that have their share wait: they leave a last free slot to others."""
        return self.urgency >= BEHIND

    def before(self, other: "Claim") -> bool:
        """It goes first, although that costs a message."""
        if self.urgency != other.urgency:
            return self.urgency < other.urgency
        return self.since < other.since - TOLERANCE


NO_CLAIM = Claim(0, 0.0)


@dataclass(slots=True, eq=False)
class Loan(Generic[S]):
    """The slots of one stock that are set aside for one peer.

    Of the `idle` ones each is of one of these sessions; the others are `busy` with an exchange of
    the peer. So many more are `wanted` there, by this `claim`. It gave so many back in all
    (`returned`), and was asked for so many that it has not given yet (`recalled`).
    """

    peer: PeerReceiver
    stock: "Stock[S]"
    idle: list[S] = field(default_factory=list)
    busy: set[Hashable] = field(default_factory=set)
    wanted: int = 0
    claim: Claim = NO_CLAIM
    returned: int = 0
    recalled: int = 0

    @property
    def lent(self) -> int:
        """All of them."""
        return len(self.idle) + len(self.busy)


@dataclass(slots=True, eq=False)
class Stock(Generic[S]):
    """All sessions here that serve the same, and what is lent of it.

    Its slots are of the `kind` that `Session.reserve` knows. `wanting` are the loans of which peers
    want more.
    """

    number: int
    offer: Offer
    kind: Kind
    sessions: dict[S, None] = field(default_factory=dict)
    loans: dict[PeerReceiver, Loan[S]] = field(default_factory=dict)
    wanting: dict[Loan[S], None] = field(default_factory=dict)
    slice: int = NEVER

    def loan(self, peer: PeerReceiver) -> Loan[S]:
        """That of this peer, perhaps of nothing."""
        loan = self.loans.get(peer)
        if loan is None:
            loan = self.loans[peer] = Loan(peer, self)
        return loan

    def want(self, loan: Loan[S], count: int) -> None:
        """So many more are wanted."""
        loan.wanted = max(0, count)
        if count > 0:
            self.wanting[loan] = None
        else:
            self.wanting.pop(loan, None)

    def first(self) -> Loan[S] | None:
        """Whose request goes first, of those of peers that want something."""
        return min(self.wanting, key=_claim, default=None)

    def unused(self, pressed: bool) -> Iterable[Loan[S]]:
        """Those of which something is idle while their peers want nothing.

        If others are `pressed`, also those whose peers leave it to others.
        """
        idle = (loan for loan in self.loans.values() if loan.idle)
        return (loan for loan in idle if not loan.wanted or (pressed and loan.claim.behind))


def _claim(loan: Loan[S]) -> Claim:
    return loan.claim
