"""The endpoints that carry requests and answers as they are: no JSON, no base64, no size limit.

Their docstrings are the descriptions at /docs.
"""

import asyncio
import json
from contextlib import suppress
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.errors import Late, NotHeld
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Headers
from prack_grpc.private import bodies
from prack_grpc.private.app import address, caller
from prack_grpc.private.eager import connection
from prack_grpc.private.errors import BAD_PARAMETER, BODY_BUSY, BODY_GONE, LATE, NO_STORE, ApiError
from prack_grpc.rest import ask
from prack_grpc.rest.leases import disconnect
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.rack.answers import Answers
from prack_grpc.rest.rack.endpoints import THANKS, reply
from prack_grpc.rest.raw.answers import Uploaded
from prack_grpc.rest.raw.chunks import MAX_CHUNK, Chunks
from prack_grpc.rest.raw.requests import (
    BYTES,
    FRESH,
    MESSAGE,
    Delivery,
    Handed,
    encoded,
    metadata,
)
from prack_grpc.rest.raw.writer import Writer
from prack_grpc.rest.relay import Relay

# How long a refused upload is still read, in seconds: a connection that is closed while bytes
# come in takes the answer with it.
LINGER = 2.0
CLOSED_STATES = {Late.ANSWERED: "answered", Late.STALE: "returned"}


class Early(Response):
    """An answer to an upload that has not ended."""

    def __init__(self, error: ApiError) -> None:
        response = error.response()
        headers = {**response.headers, "Connection": "close"}
        super().__init__(response.body, response.status_code, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class RawEndpoints:
    """Each takes the framework's request, and raises ApiError or Gone."""

    def __init__(self, broker: WorkerSide, polls: Polls, answers: Answers, relay: Relay) -> None:
        self._relay = relay
        self._broker = broker
        self._polls = polls
        self._leases = polls.leases
        self._answers = answers
        self._chunks = Chunks(broker, polls.leases, answers)

    async def next(self, request: Request) -> Response:
        """Waits up to `wait` seconds for a request, and sends it as an HTTP message.

        The response's body is the request: request line, fields, empty line, and the body as it
        comes in, which ends where the response ends. A worker that goes away before that loses the
        request, and its client gets 502. `body=separate` leaves the body to the endpoint for it.
        """
        await bodies.read(request.receive)
        query = request.scope["query_string"]
        separate = _separate(query)
        wanted = ask.from_query(query)
        if self._relay.open and (relayed := await self._relay.poll(request)):
            return relayed
        wanted = self._relay.shortened(wanted)
        place, connected = address(request.scope), connection(request.scope)
        pulled = await self._polls.pull(wanted, caller(request), connected, False, place)
        if not pulled:
            return Response(status_code=204, headers=NO_STORE)
        (assignment,) = pulled
        head = encoded(assignment.request)
        told = metadata(self._broker, assignment)
        if separate or assignment.bodiless:
            return Handed(head, told)
        return self._delivery(assignment, head, told, MESSAGE, owed=True)

    async def body(self, request: Request) -> Response:
        """Sends the request body as it comes in.

        It can be read again from the start as long as no more than 64 KiB of it were read and the
        answer has not begun.
        """
        await bodies.read(request.receive)
        assignment = self._find(request)
        if assignment in self._leases.reading:
            raise ApiError(BODY_BUSY)
        if not self._broker.rewind(assignment):
            raise ApiError(BODY_GONE)
        return self._delivery(assignment, b"", [FRESH], BYTES, owed=False)

    async def respond(self, request: Request) -> Response:
        """Sends an answer to its client while it is uploaded, whatever its size.

        With the content type `application/http` the upload is a response message: status line,
        fields, empty line, body. With any other it is the body alone: `Prack-Status` has the
        status, `Prack-Header-<Name>` one field each. An upload that breaks off, or is silent for
        30 seconds, ends the request.
        """
        upload = None
        try:
            writer = Writer(self._broker, self._leases, self._find(request), caller(request))
            upload = Uploaded(writer, request.receive)
            writer.claim(upload)
            await upload.run(request.scope["headers"])
        except ApiError as error:
            if upload is not None and upload.complete:
                raise
            return Early(error)
        return THANKS

    async def chunk(self, request: Request) -> Response:
        """Sends a piece of an answer. Repeating the last piece does nothing, and is safe.

        `seq` counts from 0; the first piece has `code` and `headers`, the last one `end`. The reply
        says which number comes next, and how many bytes of body are taken without waiting.
        """
        message = await bodies.parse_object(await bodies.read(request.receive, MAX_CHUNK))
        identifier = request.path_params["identifier"]
        result = await self._chunks.take(identifier, message, caller(request))
        return reply(json.dumps(result).encode())

    async def state(self, request: Request) -> Response:
        """Says whether a client still waits for this answer: 410 if not.

        With `wait` the reply comes when that changes, or after so many seconds.
        """
        await bodies.read(request.receive)
        query = request.scope["query_string"]
        if b"wait=" in query:
            await self._change(request, ask.from_query(query).wait)
        return self._state(request)

    async def _change(self, request: Request, wait: float) -> None:
        """Wait for an open hand-out to be in another state. Raises Gone."""
        try:
            assignment = self._held(request)
        except NotHeld:
            return
        loop, progress = asyncio.get_running_loop(), self._broker.progress
        before, until = progress(assignment), loop.time() + wait
        watch = loop.create_task(disconnect(request.receive), name="state-watch")
        try:
            while progress(assignment) is before and (left := until - loop.time()) > 0:
                await self._leases.event(assignment, watch, left)
                if watch.done():
                    raise bodies.Gone
        finally:
            watch.cancel()

    def _state(self, request: Request) -> Response:
        try:
            assignment = self._held(request)
        except NotHeld as error:
            if error.late not in CLOSED_STATES:
                raise ApiError(LATE[error.late]) from None
            return reply(json.dumps({"state": CLOSED_STATES[error.late]}).encode())
        if self._broker.progress(assignment) is not Work.LEASED:
            return reply(b'{"state": "answering"}')
        left = max(1, int(self._broker.remaining(assignment) * 1000))
        return reply(b'{"state": "leased", "deadline_ms": %d}' % left)

    def _delivery(
        self, assignment: Assignment, start: bytes, headers: Headers, media: bytes, owed: bool
    ) -> Delivery:
        return Delivery(self._broker, self._leases, assignment, start, headers, media, owed)

    def _find(self, request: Request) -> Assignment:
        return self._answers.find(request.path_params["identifier"], caller(request))

    def _held(self, request: Request) -> Assignment:
        return self._broker.find(request.path_params["identifier"], caller(request))


def _separate(query: bytes) -> bool:
    values = dict(parse_qsl(query.decode("latin-1"))) if b"body" in query else {}
    value = values.get("body", "inline")
    if value not in ("inline", "separate"):
        raise ApiError(BAD_PARAMETER, "body: expected inline or separate", "body")
    return value == "separate"
