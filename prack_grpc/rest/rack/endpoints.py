"""The endpoints under /api/v1 that carry requests and answers.

They take raw requests, because they are hot. Their docstrings are the descriptions at /docs.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.private import bodies
from prack_grpc.private.app import address, caller
from prack_grpc.private.eager import connection
from prack_grpc.private.errors import BAD_JSON, BAD_PARAMETER, ApiError
from prack_grpc.rest import ask
from prack_grpc.rest.ask import Ask
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.rack import environment
from prack_grpc.rest.rack.answers import Answers
from prack_grpc.rest.relay import Relay

MAX_ANSWERS = 1000
MAX_EXTENSION_MS = 86_400_000
ABORT_CODES = {
    "handler_error": AbortCode.HANDLER_ERROR,
    "timed_out": AbortCode.TIMED_OUT,
    "unsupported": AbortCode.UNSUPPORTED,
    "overloaded": AbortCode.OVERLOADED,
}
JSON = ((b"cache-control", b"no-store"), (b"content-type", b"application/json"))


def reply(body: bytes, status: int = 200) -> Response:
    """A JSON response."""
    response = Response(body, status)
    response.raw_headers += JSON
    return response


# Both are the original's, word for word.
NOTHING = reply(b'{"error": "There are no requests pending"}', 404)
THANKS = reply(b'{"message": "thank you"}')


class Endpoints:
    """Each takes the framework's request, and raises ApiError or Gone."""

    def __init__(self, broker: WorkerSide, polls: Polls, answers: Answers, relay: Relay) -> None:
        self._relay = relay
        self._broker = broker
        self._answers = answers
        self._polls = polls
        self._leases = polls.leases

    async def poll(self, request: Request) -> Response:
        """Waits up to `wait` seconds for a request, and hands it to this worker.

        With `max` it hands out up to so many at once. Closing the connection gives up the poll, and
        no request with it.
        """
        await bodies.read(request.receive)
        wanted = ask.from_query(request.scope["query_string"])
        if relayed := await self._relay.requests(request):
            return reply(relayed)
        requests = await self._pull(wanted, request)
        if wanted.most:
            return reply(b'{"requests": [%b]}' % b", ".join(requests))
        return reply(requests[0]) if requests else NOTHING

    async def answer(self, request: Request) -> Response:
        """Sends an answer to its client.

        Hop-by-hop headers are dropped and the Content-Length is set by the gateway. In a list every
        answer has its own result, and one that fails does not touch the others.
        """
        value = await bodies.parse(await self._read(request))
        if isinstance(value, list):
            results = await self._answers.take_all(_bounded(value), caller(request))
            return reply(json.dumps({"results": results}).encode())
        await self._answers.take(value, caller(request))
        return THANKS

    async def exchange(self, request: Request) -> Response:
        """Sends `responses`, then polls. Each answer has its result, in their order.

        With a `max` of 0 it does not poll.
        An error that has `results` came after the answers were taken: do not send them again.
        """
        message = await bodies.parse_object(await self._read(request))
        wanted = ask.from_members(message, 1, 0)
        request.scope["prack.worker"] = wanted.worker
        answers = _bounded(message.get("responses", []))
        results = await self._answers.take_all(answers, caller(request))
        try:
            requests = await self._exchanged(wanted, message, request) if wanted.most else []
        except ApiError as error:
            error.results = results
            raise
        parts = b", ".join(requests), json.dumps(results).encode()
        return reply(b'{"requests": [%b], "results": %b}' % parts)

    async def _exchanged(
        self, wanted: Ask, message: dict[str, Any], request: Request
    ) -> list[bytes]:
        """What waits at our predecessor goes first."""
        relayed = await self._relay.exchange(message, request)
        return [json.dumps(one).encode() for one in relayed] or await self._pull(wanted, request)

    async def error(self, request: Request) -> Response:
        """Ends a request that this worker cannot answer.

        The client gets 502 for `handler_error`, 504 for `timed_out` and 501 for `unsupported`;
        `overloaded` gives the request to another worker.
        """
        assignment, message = await self._assignment(request)
        code = message.get("code", "handler_error")
        if not isinstance(code, str) or code not in ABORT_CODES:
            raise ApiError(BAD_PARAMETER, f"code: expected one of {', '.join(ABORT_CODES)}", "code")
        reason = message.get("message", "")
        if not isinstance(reason, str):
            raise ApiError(BAD_PARAMETER, "message: expected a string", "message")
        self._broker.abort(assignment, ABORT_CODES[code], reason[:1000])
        self._leases.wake(assignment)
        return THANKS

    async def release(self, request: Request) -> Response:
        """Gives a request that this worker has not begun to another one, at once.

        After three hand-outs the client gets 503.
        """
        assignment, _ = await self._assignment(request)
        self._broker.abort(assignment, AbortCode.REFUSED, "released")
        self._leases.wake(assignment)
        return THANKS

    async def extend(self, request: Request) -> Response:
        """Makes the answer due in `ms` from now, at most an hour after the hand-out.

        Never makes it due earlier. The reply says when it is due now.
        """
        assignment, message = await self._assignment(request)
        ms = message.get("ms")
        if type(ms) is not int or not 1 <= ms <= MAX_EXTENSION_MS:
            raise ApiError(BAD_PARAMETER, f"ms out of range 1..{MAX_EXTENSION_MS}", "ms")
        seconds = self._broker.extend(assignment, ms / 1000)
        return reply(b'{"deadline_ms": %d}' % (seconds * 1000))

    async def _assignment(self, request: Request) -> tuple[Assignment, dict[str, Any]]:
        message = await bodies.parse_object(await self._read(request))
        found = self._answers.find(request.path_params["identifier"], caller(request))
        return found, message

    async def _read(self, request: Request) -> bytes:
        try:
            return await bodies.read(request.receive)
        except bodies.TooLarge as error:
            self._answers.spoil(error.start, error.detail, caller(request))
            raise

    async def _pull(self, wanted: Ask, request: Request) -> list[bytes]:
        wanted, place = self._relay.shortened(wanted), address(request.scope)
        connected = connection(request.scope)
        pulled = await self._polls.pull(wanted, caller(request), connected, address=place)
        return [await self._encoded(assignment) for assignment in pulled]

    async def _encoded(self, assignment: Assignment) -> bytes:
        body = await self._broker.collect(assignment)  # is here, so this does not wait
        return environment.encode(assignment, body or b"", self._broker.remaining(assignment))


def _bounded(answers: Any) -> list[Any]:
    if not isinstance(answers, list):
        raise ApiError(BAD_JSON, "responses: expected a list", "responses")
    if len(answers) > MAX_ANSWERS:
        raise ApiError(BAD_JSON, f"responses: more than {MAX_ANSWERS} answers", "responses")
    return answers
