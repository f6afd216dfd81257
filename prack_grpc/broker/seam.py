"""The seam between the edges and the queue, in the words of the domain.

The public edge knows `Broker` and `Ticket`, the worker edges know `Broker` and implement
`WorkerPort`; neither knows where exchanges wait. Everything here runs on one event loop.
"""

from collections.abc import Callable
from typing import Protocol

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.session import Session
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.queue.traffic import Pool, Split
from prack_grpc.core.status import Status


class WorkerPort(Protocol):
    """How the broker speaks to one session. No method may block or raise."""

    def deliver(self, lease: Lease) -> None:
        """Hand this exchange to the worker."""

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        """Nobody waits for this lease any more."""

    def uploaded(self, lease: Lease) -> None:
        """There is more request body to `Broker.take`, or it has ended."""

    def grant(self, lease: Lease, offset: int) -> None:
        """The worker may send response body up to this offset."""


class Broker(Protocol):
    """Where exchanges wait. `now` never appears: an implementation brings its clock."""

    # The public edge.

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
        """The client's connection took the last chunk."""

    def complete(self, ticket: Ticket) -> None:
        """The client's connection took the whole response."""

    def leave(self, ticket: Ticket) -> None:
        """The client has gone."""

    def fail(self, ticket: Ticket, error: GatewayError) -> None:
        """The client's side of the exchange cannot go on."""

    # The worker edges.

    def join(self, session: Session) -> None:
        """A worker is here; its port may be called from now on.

        Raises BadRoute or TooManySessions.
        """

    def resize(self, session: Session, slots: int) -> None:
        """The worker has changed its number of slots."""

    def drain(self, session: Session) -> None:
        """Hand this session nothing more."""

    def lose(self, session: Session) -> None:
        """The worker is gone."""

    def take(self, lease: Lease, most: int) -> bytes:
        """The next piece of the request body, at most so many bytes; empty if there is none."""

    def allow(self, lease: Lease, offset: int) -> None:
        """The worker takes request body up to this offset."""

    async def collect(self, lease: Lease) -> bytes:
        """The whole request body. Raises GatewayError if it is too large or never comes."""

    def find(self, identifier: str) -> Lease:
        """The open lease of a worker without a stream. Raises NotHeld."""

    def head(self, lease: Lease, status: int, headers: Headers, body: bytes, end: bool) -> None:
        """A response head of the worker, unchecked; `end` if `body` is all of the body.

        Heads with a status from 102 to 199 may come before the final one.

        Raises BadResponse (the client has got 502) or LeaseError.
        """

    def data(self, lease: Lease, data: bytes) -> None:
        """A piece of response body. Raises LeaseError or WindowExceeded."""

    def finish(self, lease: Lease, trailers: Headers) -> None:
        """The response is complete. Raises LeaseError or BadResponse."""

    def abort(self, lease: Lease, code: AbortCode, message: str) -> None:
        """The worker ends the exchange without a complete response. Raises LeaseError."""

    def put_back(self, lease: Lease) -> None:
        """The lease never left for the worker: it does not count. Raises LeaseError."""

    def spoil(self, lease: Lease, message: str) -> None:
        """The worker's events make no response: the client gets 502, or a cut response."""

    def lost(self, lease: Lease, reason: str) -> None:
        """The worker has gone away with this lease. Raises LeaseError."""

    def extend(self, lease: Lease, seconds: float) -> float:
        """The worker needs longer. Returns the seconds that it has now."""

    # Whoever runs the gateway.

    def pause(self, who: Pool | str, paused: bool) -> None:
        """Hand a worker, or all of a version, nothing more, or something again."""

    def divide(self, service: str, split: Split | None) -> None:
        """Divide the requests of a service between its versions, or stop that."""

    def status(self) -> Status:
        """Who is here, what waits and what has been done."""
