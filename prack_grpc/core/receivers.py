"""How decisions reach the two ends of an exchange: who takes work, and who takes answers.

No method may block or raise.
"""

import enum
from typing import Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.http.message import Headers, ResponseHead


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


# Takes the place of a client that was told the last; nothing reaches it.
NOBODY = AnswerReceiver()
