"""One attempt: a job as a request to the gateway's own queue, behind all that clients wait for."""

import asyncio
import time
from collections.abc import Callable

from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core.deferred.rules import Outcome, is_answer, retry_after
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers
from prack_grpc.deferred.job import MAX_BODY, Answer, Job

ATTEMPT = b"prack-attempt"
# For responses that never end; a worker that is silent is given up long before.
MOST_SECONDS = 3600.0


class Attempt:
    """Follows its request (`core.http.message.Trace`): each hand-out has a number of its own.

    `handed` is called at the first. `number` is that of the last hand-out, or of the next one.
    """

    id = ""

    def __init__(self, broker: PublicSide, job: Job, handed: Callable[[], None]) -> None:
        self._broker = broker
        self._job = job
        self._on_handed = handed
        self._ticket: Ticket | None = None
        self.number = job.attempts
        self.was_handed = False

    def handed(self, headers: Headers) -> None:
        """A worker is about to get it."""
        if self.was_handed:
            self.number += 1
        headers[:] = [field for field in headers if field[0] != ATTEMPT]
        headers.append((ATTEMPT, b"%d" % self.number))
        if not self.was_handed:
            self.was_handed = True
            self._on_handed()

    def leave(self) -> None:
        """Give up waiting for a worker; what one has goes on."""
        if self._ticket is not None and not self.was_handed:
            self._broker.leave(self._ticket)

    async def run(self) -> tuple[Outcome, Answer | None]:
        """How it ends, and the answer of a worker if there is one. Raises nothing."""
        request = self._job.request
        request.trace = self
        try:
            self._ticket = ticket = self._broker.submit(request, self._job.body, True)
        except GatewayError as error:
            return _failed(error), None
        try:
            async with asyncio.timeout(MOST_SECONDS):
                answer = await self._answer(ticket)
        except GatewayError as error:
            error.__traceback__ = None
            return _failed(error), None
        except ClientGone:
            return Outcome(False, False, "no worker has taken it yet"), None
        except TimeoutError:
            return Outcome(True, False, f"the answer did not end within {MOST_SECONDS:g} s"), None
        finally:
            self._broker.leave(ticket)
        return _answered(answer), answer

    async def _answer(self, ticket: Ticket) -> Answer:
        while (head := await ticket.head()).status < 200:
            pass
        body, whole = head.body, True
        if not head.end:
            parts, size = [], 0
            while whole and (chunk := await ticket.chunk()) is not None:
                self._broker.consumed(ticket)
                parts.append(chunk)
                size += len(chunk)
                whole = size <= MAX_BODY
            body = b"".join(parts)
        if whole:
            self._broker.complete(ticket)
        whole = len(body) <= MAX_BODY
        return Answer(head.status, head.headers, body if whole else b"", whole)


def _failed(error: GatewayError) -> Outcome:
    """With 503 no worker has started it, see core/errors.py."""
    started = error.kind.status != 503
    return Outcome(started, False, f"{error.kind.code}: {error.detail}")


def _answered(answer: Answer) -> Outcome:
    asked = dict(answer.headers).get(b"retry-after", b"").decode("latin-1")
    reason = f"a worker answered {answer.status}"
    return Outcome(True, is_answer(answer.status), reason, retry_after(asked, time.time()))
