"""What a client is owed and what a worker holds, as the promises see them."""

from dataclasses import dataclass

from prack_grpc.core.errors import Late
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.http.message import Kind


@dataclass(eq=False)
class Owed:
    """What one client is owed. `begun`: it has a head; `whole`: the head is all there is.

    `here`: all of the request's body has come. Who came first has the lower `place`.

    Of its hand-outs, workers have `returned` some unstarted, of which some had `never_left`; and
    it went back to the queue from `lost` workers that may have begun it.
    """

    exchange: Exchange
    body: bytes
    wait_until: float
    deadline: float
    here: bool = True
    place: int = 0
    hand_outs: int = 0
    returned: int = 0
    never_left: int = 0
    lost: int = 0
    begun: bool = False
    whole: bool = False
    head_at: float = 0.0
    sent: bytes = b""
    got: bytes = b""
    outcome: Outcome | None = None

    @property
    def unfinished(self) -> bool:
        """The client is still here, and not yet served."""
        return self.outcome is None

    @property
    def coming(self) -> bool:
        """Whoever has it may have to wait for its client. (A WebSocket goes on in any case.)"""
        return not self.here and self.exchange.request.kind is Kind.HTTP

    @property
    def may_be_started(self) -> bool:
        """Some worker had it and did not say that it left it alone."""
        return self.hand_outs > self.returned

    @property
    def in_hand(self) -> bool:
        """A worker has it, or had it last and was not allowed to lose it."""
        return self.hand_outs > self.returned + self.lost

    @property
    def repeatable(self) -> bool:
        """A second worker may be given what a first may have begun."""
        request = self.exchange.request
        return request.method != b"POST" or b"idempotency-key" in dict(request.headers)

    @property
    def served(self) -> bool:
        """The client has taken everything that it will get from its worker."""
        return self.begun and (self.whole or self.exchange.download.drained)


@dataclass(eq=False)
class Hand:
    """One hand-out, as its worker sees it."""

    owed: Owed
    lease: Lease
    leased_at: float
    state: Work = Work.LEASED
    expected: int = -1
    received: int = 0
    taken: bytes = b""
    verdict: Late = Late.UNKNOWN

    @property
    def open(self) -> bool:
        """The worker is to answer."""
        return self.state in (Work.LEASED, Work.ANSWERING)

    @property
    def in_ledger(self) -> bool:
        """It can be answered by its name."""
        return self.open and not self.lease.session.profile.acknowledges
