"""Calls that are the predecessor's: while it finishes what it holds, its workers call us.

House rules: a call about a hand-out that we do not know goes to the predecessor as it came; a poll
brings what waits there first. To the worker it looks like one gateway. Once the predecessor has
ended, what we do not know is unknown.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
from typing import Any, Protocol

import h11
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.core.errors import Late, NotHeld
from prack_grpc.core.limits import PIECE
from prack_grpc.core.worker import Principal
from prack_grpc.private.app import PRINCIPAL, caller
from prack_grpc.private.errors import LATE, ApiError, ApiKind
from prack_grpc.rest.ask import Ask

log = logging.getLogger(__name__)

# Fields of one connection (RFC 9110 section 7.6.1). Those of the framing go along: h11 reads them.
LOCAL = frozenset((b"connection", b"keep-alive", b"expect", b"host"))
# Tells the predecessor whose call it is; it believes nobody else.
CALLER = b"prack-principal"
# How long a poll waits for requests of ours before the predecessor is asked again, in seconds.
WAIT = 0.5
# The reply to a poll for several that brings none.
NO_REQUESTS = b'{"requests": []}'


class EarlierGateway(Protocol):
    """The gateway that was here before. `gone` is set when it has ended."""

    gone: asyncio.Event

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to its worker API. Raises OSError."""


class Relay:
    """Asks the predecessor, as long as there is one."""

    def __init__(self, broker: WorkerSide, predecessor: EarlierGateway | None) -> None:
        self._broker = broker
        self._predecessor = predecessor
        self.open = predecessor is not None  # there is, or was, one to ask

    def shortened(self, wanted: Ask) -> Ask:
        """This poll, so that the next one can ask the predecessor again soon."""
        return dataclasses.replace(wanted, wait=min(wanted.wait, WAIT)) if self._open else wanted

    async def about(self, identifier: str, request: Request) -> Response | None:
        """The predecessor's reply to a call about its hand-out; None if it can be only ours."""
        if not self._is_foreign(identifier, caller(request)):
            return None
        relayed = await self._call(request.scope, request.receive)
        return relayed or ApiError(LATE[Late.UNKNOWN]).response()

    async def answer(self, identifier: str, answer: dict[str, Any], principal: Principal) -> bool:
        """Pass an answer on. False if it can be only ours. Raises ApiError."""
        if not self._is_foreign(identifier, principal):
            return False
        content = await asyncio.to_thread(json.dumps, answer)
        path = "/api/v1/response"
        status, found = await self._post(path, content.encode(), _nothing, principal)
        if status not in (0, 200):
            kind = ApiKind(found["code"], status, found["title"])
            raise ApiError(kind, found["detail"], found.get("field", ""))
        return status == 200

    async def poll(self, request: Request) -> "Relayed | None":
        """What waits there for this poll, whose body was read; None if nothing does."""
        if not self._open:
            return None
        relayed = await self._call(request.scope, _sent(b"", request.receive))
        if relayed is None or relayed.status_code == 200:
            return relayed
        relayed.end()
        return None

    async def requests(self, request: Request) -> bytes:
        """The same in JSON: the whole reply, or nothing."""
        relayed = await self.poll(request)
        try:
            body = await relayed.read() if relayed else b""
        except ConnectionError:
            return b""
        return body if body != NO_REQUESTS else b""

    async def exchange(self, message: dict[str, Any], request: Request) -> list[Any]:
        """The requests that wait there for the poll of an exchange."""
        if not self._open:
            return []
        content = json.dumps(message | {"responses": []}).encode()
        path, receive = "/api/v1/exchange", request.receive
        _, found = await self._post(path, content, receive, caller(request))
        return list(found.get("requests", []))

    @property
    def _open(self) -> bool:
        return self._predecessor is not None and not self._predecessor.gone.is_set()

    def _is_foreign(self, identifier: str, principal: Principal) -> bool:
        if not self._open:
            return False
        try:
            self._broker.find(identifier, principal)
        except NotHeld as error:
            return error.late is Late.UNKNOWN
        return False

    async def _call(self, scope: Scope, receive: Receive) -> "Relayed | None":
        """Make this call there; None if it cannot be made."""
        assert self._predecessor is not None  # noqa: S101 - all who call have looked
        try:
            call = _Call(*await self._predecessor.dial(), scope, receive)
            return Relayed(call, await call.head())
        except OSError:
            return None

    async def _post(
        self, path: str, content: bytes, receive: Receive, principal: Principal
    ) -> tuple[int, dict[str, Any]]:
        """Status and members of the reply; 0 and nothing if there is none."""
        headers = [(b"content-length", b"%d" % len(content))]
        scope: Scope = {"method": "POST", "path": path, "query_string": b"", "headers": headers}
        scope[PRINCIPAL] = principal
        relayed = await self._call(scope, _sent(content, receive))
        try:
            return (relayed.status_code, json.loads(await relayed.read())) if relayed else (0, {})
        except ConnectionError:
            return 0, {}


class _Call:
    """One call to the predecessor, on a connection of its own."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        scope: Scope,
        receive: Receive,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = h11.Connection(h11.CLIENT)
        fields = [field for field in scope["headers"] if field[0] not in LOCAL | {CALLER}]
        name = scope[PRINCIPAL].name.encode()
        self._send(
            h11.Request(
                method=scope["method"],
                target=scope.get("raw_path", scope["path"].encode()) + b"?" + scope["query_string"],
                headers=[(b"host", b"predecessor"), (CALLER, name), *fields],
            )
        )
        upload = self._upload(receive)
        self._uploading = asyncio.get_running_loop().create_task(upload, name="relay-upload")

    async def head(self) -> h11.Response:
        """The head of the reply. Raises ConnectionError."""
        try:
            while not isinstance(event := await self.event(), h11.Response):
                pass
        except BaseException:
            self.end()
            raise
        return event

    async def event(self) -> Any:
        """What comes next. Raises ConnectionError."""
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                self._connection.receive_data(await self._reader.read(PIECE))
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        return event

    def end(self) -> None:
        """Leave."""
        self._uploading.cancel()
        self._writer.close()

    def _send(self, event: Any) -> None:
        self._writer.write(self._connection.send(event) or b"")

    async def _upload(self, receive: Receive) -> None:
        """Send the body, and leave when the worker leaves."""
        with contextlib.suppress(ConnectionError):
            while (message := await receive())["type"] == "http.request":
                self._send(h11.Data(data=message.get("body", b"")))
                if not message.get("more_body", False):
                    self._send(h11.EndOfMessage())
                await self._writer.drain()
        self._writer.close()


class Relayed(Response):
    """A reply of the predecessor: to `read`, or to be passed on as it comes, or to `end`."""

    def __init__(self, call: _Call, head: h11.Response) -> None:
        self._call = call
        self.end = call.end
        self.status_code = head.status_code
        self.raw_headers = [field for field in head.headers if field[0] not in LOCAL]

    async def read(self) -> bytes:
        """The whole body. Raises ConnectionError."""
        pieces = []
        try:
            while isinstance(event := await self._call.event(), h11.Data):
                pieces.append(bytes(event.data))
        finally:
            self.end()
        return b"".join(pieces)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        try:  # a response that has no end is cut
            while isinstance(event := await self._call.event(), h11.Data):
                body = bytes(event.data)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ConnectionError as error:
            log.info("the gateway before this one cut its reply: %s", error)
        finally:
            self.end()


def _sent(content: bytes, receive: Receive) -> Receive:
    """A body that is here already, and what comes after it."""
    first = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive_next() -> Any:
        return first.pop() if first else await receive()

    return receive_next


async def _nothing() -> Any:
    await asyncio.get_running_loop().create_future()
