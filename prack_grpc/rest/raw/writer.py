"""An answer that goes to its client piece by piece, as fast as the client takes it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.errors import BadResponse, Late, LeaseError, NotHeld
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import CLOSED, LEASED
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import PIECE
from prack_grpc.core.worker import Principal
from prack_grpc.private.errors import BAD_ANSWER, LATE, ApiError
from prack_grpc.rest.leases import Leases


class Writer:
    """What is common to answers that come in one upload and to those that come in chunks.

    Every method raises ApiError when the answer cannot go on; the lease is closed then.
    """

    def __init__(
        self, broker: WorkerSide, leases: Leases, assignment: Assignment, principal: Principal
    ) -> None:
        self._broker = broker
        self._leases = leases
        self.assignment = assignment
        self._principal = principal

    @property
    def open(self) -> bool:
        """The client still waits for this answer."""
        return self._broker.progress(self.assignment) is not CLOSED

    @property
    def begun(self) -> bool:
        """The head has been passed on."""
        return self._broker.progress(self.assignment) is not LEASED

    def claim(self, answer: object) -> None:
        """This one answers now, and nobody else. Raises ApiError if somebody does already."""
        if self.begun or not self._leases.claim(self.assignment, answer):
            raise ApiError(LATE[Late.ANSWERED])

    async def turn(self) -> None:
        """Wait until it is this answer's turn to go on, of however many."""
        await self._leases.turn()
        if not self.open:  # since
            raise self.ended()

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Inside, this is called when something has happened to the answer."""
        self.listen(call)
        try:
            yield
        finally:
            self.forget(call)

    def listen(self, call: Callable[[], None]) -> None:
        """Call this when something has happened to the answer."""
        self._leases.listen(self.assignment, call)

    def forget(self, call: Callable[[], None]) -> None:
        """Call this no more."""
        self._leases.forget(self.assignment, call)

    def head(self, status: int, headers: Headers, body: bytes = b"", end: bool = False) -> None:
        """Pass on a head; with `end` the body is all of it."""
        try:
            self._broker.head(self.assignment, status, headers, body, end)
        except BadResponse as error:
            raise self.refuse(error) from None
        except LeaseError:
            raise self.ended() from None
        if end:
            self._leases.wake(self.assignment)

    async def push(self, data: bytes, start: int = 0, until: float | None = None) -> int:
        """Pass on body bytes from `start` on, until this loop time. Returns where it stopped."""
        now = asyncio.get_running_loop().time
        while start < len(data):
            if not self.open:
                raise self.ended()
            room = min(PIECE, self._broker.room(self.assignment))
            if room > 0:
                self._data(data[start : start + room])
                start += room
            elif until is None or now() < until:
                await self._leases.event(self.assignment, seconds=until and until - now())
            else:
                break
        if not self.open:
            raise self.ended()
        return min(start, len(data))

    def _data(self, piece: bytes) -> None:
        try:
            self._broker.data(self.assignment, piece)
        except BadResponse as error:
            raise ApiError(BAD_ANSWER, str(error), error.field) from None

    def finish(self) -> None:
        """The answer is complete."""
        if not self.open:
            raise self.ended()
        try:
            self._broker.finish(self.assignment, [])
        except BadResponse as error:
            raise ApiError(BAD_ANSWER, str(error), error.field) from None
        finally:
            self._leases.wake(self.assignment)

    def abandon(self, reason: str) -> None:
        """The rest will not come: another worker may try, or the client gets 502 or a cut."""
        if self.open:
            self._broker.lost(self.assignment, reason)
            self._leases.wake(self.assignment)

    def refuse(self, error: BadResponse) -> ApiError:
        """This makes no response: the client gets 502, the worker the result of this."""
        self._broker.spoil(self.assignment, str(error))
        return ApiError(BAD_ANSWER, str(error), error.field)

    def ended(self) -> ApiError:
        """Why the answer cannot go on."""
        try:
            self._broker.find(self.assignment.identifier, self._principal)
        except NotHeld as error:
            return ApiError(LATE[error.late])
        return ApiError(LATE[Late.ANSWERED])
