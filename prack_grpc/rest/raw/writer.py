"""An answer that goes to its client piece by piece, as fast as the client takes it."""

import asyncio

from prack_grpc.broker.seam import Broker
from prack_grpc.core import errors
from prack_grpc.core.errors import BadResponse, LeaseError
from prack_grpc.core.exchange.exchange import Lease, Work
from prack_grpc.core.exchange.ledger import NotHeld, Verdict
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import KIB
from prack_grpc.rest.errors import BAD_ANSWER, VERDICTS, ApiError
from prack_grpc.rest.leases import Port

PIECE = 64 * KIB


class Writer:
    """What is common to answers that come in one upload and to those that come in chunks.

    Every method raises ApiError when the answer cannot go on; the lease is closed then.
    """

    def __init__(self, broker: Broker, lease: Lease) -> None:
        self._broker = broker
        self._lease = lease
        self._port: Port = lease.session.port

    @property
    def open(self) -> bool:
        """The client still waits for this answer."""
        return self._lease.state is not Work.CLOSED

    def head(self, status: int, headers: Headers, end: bool = False) -> None:
        """Pass on a head; `end` if there will be no body."""
        try:
            self._broker.head(self._lease, status, headers, b"", end)
        except BadResponse as error:
            raise self.refuse(error) from None
        except LeaseError:
            raise self.ended() from None

    async def push(self, data: bytes, start: int = 0, until: float | None = None) -> int:
        """Pass on body bytes from `start` on, until this loop time. Returns where it stopped."""
        now = asyncio.get_running_loop().time
        while start < len(data):
            if not self.open:
                raise self.ended()
            download = self._lease.exchange.download
            room = min(PIECE, download.granted - download.pushed)
            if room > 0:
                piece = data[start : start + room]
                self._broker.data(self._lease, piece)
                start += len(piece)
            elif until is None or now() < until:
                await self._port.event(self._lease, seconds=until and until - now())
            else:
                break
        if not self.open:
            raise self.ended()
        return start

    def finish(self) -> None:
        """The answer is complete."""
        if not self.open:
            raise self.ended()
        self._broker.finish(self._lease, [])
        self._port.wake(self._lease)
        if self._lease.exchange.error is errors.BAD_RESPONSE:
            raise self.ended()

    def abandon(self, reason: str) -> None:
        """The rest will not come: another worker may try, or the client gets 502 or a cut."""
        if self.open:
            self._broker.lost(self._lease, reason)
            self._port.wake(self._lease)

    def refuse(self, error: BadResponse) -> ApiError:
        """This makes no response: the client gets 502, the worker the result of this."""
        self._broker.spoil(self._lease, str(error))
        return ApiError(BAD_ANSWER, str(error), error.field)

    def ended(self) -> ApiError:
        """Why the answer cannot go on."""
        if self._lease.exchange.error is errors.BAD_RESPONSE:
            field = "content-length"
            return ApiError(BAD_ANSWER, f"{field}: the body is longer or shorter", field)
        try:
            self._broker.find(self._lease.identifier)
        except NotHeld as error:
            return ApiError(VERDICTS[error.verdict])
        return ApiError(VERDICTS[Verdict.ANSWERED])


def claim(lease: Lease, writer: object) -> None:
    """This one answers now, and nobody else. Raises ApiError if somebody does already."""
    writers = lease.session.port.writers
    if lease.state is not Work.LEASED or lease in writers:
        raise ApiError(VERDICTS[Verdict.ANSWERED])
    writers[lease] = writer
