"""What is borrowed, as data."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from prack_grpc.core.lending.loan import NO_CLAIM, Claim
from prack_grpc.core.queue.order import NEVER
from prack_grpc.core.receivers import PeerReceiver

S = TypeVar("S", bound=Hashable)


@dataclass(slots=True, eq=False)
class Guest(Generic[S]):
    """The workers of one peer that serve the same, as one session here.

    Its host has `lent` so many slots in all and `counted` so many of those that were `given` back;
    the rest of these is on its way. It was last told that so many requests want them (`wants`),
    the first of which has this `claim`. It has lent something at `lent_at`.
    """

    peer: PeerReceiver
    number: int
    session: S
    lent: int = 0
    given: int = 0
    counted: int = 0
    wants: int = 0
    claim: Claim = NO_CLAIM
    lent_at: float = 0.0
    slice: int = NEVER

    @property
    def slots(self) -> int:
        """What may be used; less for a while if one has vanished just when it was given back."""
        return max(0, self.lent - (self.given - self.counted))
