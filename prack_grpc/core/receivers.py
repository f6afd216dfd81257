"""How decisions reach the two ends of an exchange, who takes work and who takes answers, and peers.

No method may block or raise.
"""

import enum
from typing import Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.lending.offer import Offer


class CancelReason(enum.IntEnum):
    """Why nobody waits for a lease any more; the numbers are those of the protocol."""

    CLIENT_GONE = 1
    DEADLINE = 2
    BAD_RESPONSE = 3
    SHUTDOWN = 4
    REQUEST_CUT = 5


class WorkReceiver(Protocol):
    """The end of one worker: a stream, or a REST poll."""

    def deliver(self, assignment: Assignment) -> None:
        """Hand this exchange to the worker."""

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """Nobody waits for this exchange any more."""

    def uploaded(self, assignment: Assignment) -> None:
        """There is more of the request body to take, or it has ended."""

    def grant(self, assignment: Assignment, offset: int) -> None:
        """The worker may send response body up to this offset."""


class AnswerReceiver:
    """The end of one client: whoever has submitted the request. Of itself it does nothing."""

    __slots__ = ()

    def taken(self, assignment: Assignment) -> None:
        """A worker has the request now; after a lost one it may be another."""

    def answer(self, head: ResponseHead, download: Flow) -> None:
        """A response head is here: interim ones, then the final one, whose body comes this way."""

    def more(self) -> None:
        """There is more of the response body, or it has ended."""

    def end(self, trailers: Headers) -> None:
        """The response body is complete."""

    def want(self) -> None:
        """A worker wants the request body."""

    def room(self) -> None:
        """There may be room for more of the request body."""

    def fail(self, error: GatewayError) -> None:
        """The exchange is over: this is what the client gets, or its response is cut."""


class PeerReceiver(Protocol):
    """The end of one peer: the gateway at the other end of a link. What is told must stay in order.

    As host this gateway numbers its offers, as owner it uses the numbers of the peer's. None of
    these may call the broker before it returns.
    """

    @property
    def gateway(self) -> str:
        """Which gateway it is: 8 hexadecimal digits."""

    # ------------------------------------------------------------ as host

    def offer(self, number: int, offer: Offer) -> None:
        """Workers here serve this; nothing is lent so far. The number is never used again."""

    def gone(self, number: int) -> None:
        """None do any more: idle slots are to be given back, and nothing more is lent."""

    def lend(self, number: int, slots: int, returned: int) -> None:
        """So many slots of this offer are lent, idle or busy; of these it has given back so many.

        Both are totals, `returned` of all that was counted so far.
        """

    def recall(self, number: int, count: int) -> None:
        """So many idle ones are needed here. To be answered with `PeerSide.returned`."""

    def released(self, id_: str) -> None:
        """This hosted exchange (`Ticket.id`) was left, and its worker has let go of it.

        Only now may its slot be used for another one. Told once for each that was left, perhaps
        at once, but for those that have failed before.
        """

    # ------------------------------------------------------------ as owner

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        """So many requests wait for this offer, the oldest for so many seconds; 0 ends it.

        The most urgent has this urgency: of RFC 9218, 0 to 7, the highest first; and 8 more, if all
        that wait are of clients that have their share, and leave a last free slot to others.
        """

    def give_back(self, number: int, count: int) -> None:
        """So many idle slots of this offer are not needed; it may be 0, for a recall."""


# Takes the place of a client that was told the last; nothing reaches it.
NOBODY = AnswerReceiver()
