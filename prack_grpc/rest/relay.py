"""Calls about hand-outs of other gateways: of a neighbour, or of the predecessor.

House rules: a call goes to the gateway whose hand-out it is about, as it came. That is the
neighbour that the identifier begins with; what is known to nobody else is the predecessor's, which
finishes what it holds while its workers call us, and a poll brings what waits there first. To the
worker it looks like one gateway. Once the other has ended, what we do not know is unknown.
"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from prack_grpc.broker.seam import WorkerSide
from prack_grpc.broker.ticket import GATEWAY_DIGITS
from prack_grpc.core.errors import Late, NotHeld
from prack_grpc.core.worker import Principal
from prack_grpc.neighbours.call import Call, Reply, Streams, nothing, sent
from prack_grpc.neighbours.neighbours import ALONE, Neighbours
from prack_grpc.private.app import caller
from prack_grpc.private.errors import LATE, ApiError, ApiKind
from prack_grpc.rest.ask import Ask

Dial = Callable[[], Awaitable[Streams]]
# How long a poll waits for requests of ours before the predecessor is asked again, in seconds.
WAIT = 0.5
# The reply to a poll for several that brings none.
NO_REQUESTS = b'{"requests": []}'


class EarlierGateway(Protocol):
    """The gateway that was here before. `gone` is set when it has ended."""

    gone: asyncio.Event

    async def dial(self) -> Streams:
        """A connection to its worker API. Raises OSError."""


class Relay:
    """Asks the other gateway, as long as there is one."""

    def __init__(
        self,
        broker: WorkerSide,
        predecessor: EarlierGateway | None = None,
        neighbours: Neighbours = ALONE,
    ) -> None:
        self._broker = broker
        self._predecessor = predecessor
        self._neighbours = neighbours
        # There may be one to ask.
        self.open = predecessor is not None or neighbours is not ALONE

    def shortened(self, wanted: Ask) -> Ask:
        """This poll, so that the next one can ask the predecessor again soon."""
        return dataclasses.replace(wanted, wait=min(wanted.wait, WAIT)) if self._open else wanted

    async def about(self, identifier: str, request: Request) -> Response | None:
        """The other gateway's reply to a call about its hand-out; None if it can be only ours."""
        dial = self._other(identifier, caller(request))
        if dial is None:
            return None
        relayed = await _call(dial, request.scope, request.receive, caller(request))
        return relayed or ApiError(LATE[Late.UNKNOWN]).response()

    async def answer(self, identifier: str, answer: dict[str, Any], principal: Principal) -> bool:
        """Pass an answer on. False if it can be only ours. Raises ApiError."""
        dial = self._other(identifier, principal)
        if dial is None:
            return False
        content = await asyncio.to_thread(json.dumps, answer)
        path = "/api/v1/response"
        status, found = await _post(dial, path, content.encode(), nothing, principal)
        if status not in (0, 200):
            kind = ApiKind(found["code"], status, found["title"])
            raise ApiError(kind, found["detail"], found.get("field", ""))
        return status == 200

    async def poll(self, request: Request) -> Reply | None:
        """What waits at the predecessor for this poll, whose body was read; else None."""
        if self._predecessor is None or not self._open:
            return None
        receive, dial = sent(b"", request.receive), self._predecessor.dial
        relayed = await _call(dial, request.scope, receive, caller(request))
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
        if self._predecessor is None or not self._open:
            return []
        content = json.dumps(message | {"responses": []}).encode()
        path, receive = "/api/v1/exchange", request.receive
        dial = self._predecessor.dial
        _, found = await _post(dial, path, content, receive, caller(request))
        return list(found.get("requests", []))

    @property
    def _open(self) -> bool:
        return self._predecessor is not None and not self._predecessor.gone.is_set()

    def _other(self, identifier: str, principal: Principal) -> Dial | None:
        """How to reach the gateway that has handed this out; None if it can be only this one."""
        gateway = identifier[:GATEWAY_DIGITS]
        if self.open and gateway in self._neighbours.names():
            return partial(self._neighbours.dial, gateway, "rest")
        if self._predecessor is None or not self._open:
            return None
        try:
            self._broker.find(identifier, principal)
        except NotHeld as error:
            return self._predecessor.dial if error.late is Late.UNKNOWN else None
        return None


async def _call(dial: Dial, scope: Scope, receive: Receive, principal: Principal) -> Reply | None:
    """Make this call there; None if it cannot be made."""
    try:
        return await Call(await dial(), scope, receive, principal.name).reply()
    except OSError:
        return None


async def _post(
    dial: Dial, path: str, content: bytes, receive: Receive, principal: Principal
) -> tuple[int, dict[str, Any]]:
    """Status and members of the reply; 0 and nothing if there is none."""
    headers = [(b"content-length", b"%d" % len(content))]
    scope: Scope = {"method": "POST", "path": path, "query_string": b"", "headers": headers}
    relayed = await _call(dial, scope, sent(content, receive), principal)
    try:
        return (relayed.status_code, json.loads(await relayed.read())) if relayed else (0, {})
    except ConnectionError:
        return 0, {}
