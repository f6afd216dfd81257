"""What peers are told: the effects of lending. Each says what is so when it is told.

So the last that a peer is told is always true, in whatever order decisions are performed.
"""

from typing import NamedTuple

from prack_grpc.core.exchange.exchange import Exchange, Session
from prack_grpc.core.lending.guest import Guest
from prack_grpc.core.lending.loan import Loan, Stock
from prack_grpc.core.receivers import PeerReceiver


class Offered(NamedTuple):
    """Workers here serve this."""

    peer: PeerReceiver
    stock: Stock[Session]

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.peer.offer(self.stock.number, self.stock.offer)


class ReadAll(NamedTuple):
    """A request waits whose body may go to a peer, but only in one piece."""

    exchange: Exchange

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.exchange.client.room()


class Gone(NamedTuple):
    """None do any more."""

    peer: PeerReceiver
    number: int

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.peer.gone(self.number)


class Lend(NamedTuple):
    """Another number of slots is lent. Before the last event of an exchange, if it is fewer."""

    loan: Loan[Session]

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        loan = self.loan
        loan.peer.lend(loan.stock.number, loan.lent, loan.returned)


class Recall(NamedTuple):
    """Idle ones are needed here."""

    loan: Loan[Session]

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.loan.peer.recall(self.loan.stock.number, self.loan.recalled)


class Released(NamedTuple):
    """The worker of a hosted exchange that its owner left has let go."""

    peer: PeerReceiver
    id: str

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.peer.released(self.id)


class Want(NamedTuple):
    """Another number of requests waits."""

    guest: Guest[Session]

    def tell(self, now: float) -> None:
        """See `effects.Tell`."""
        guest = self.guest
        guest.peer.want(guest.number, guest.wants, now - guest.claim.since, guest.claim.urgency)


class GiveBack(NamedTuple):
    """So many idle slots are not needed here."""

    guest: Guest[Session]
    slots: int

    def tell(self, _now: float) -> None:
        """See `effects.Tell`."""
        self.guest.peer.give_back(self.guest.number, self.slots)
