"""One answer for all gateways, whichever of them was asked.

House rules: the gateway that was asked answers for itself first, and what it refuses is refused;
then it asks its neighbours the same in the name of its caller, who ask nobody else.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from prack_grpc.core.http.message import Headers
from prack_grpc.neighbours.asking import NOT_FOUND, OK, Answers, ask
from prack_grpc.neighbours.call import PASSED_ON, REVISION, nothing, sent
from prack_grpc.neighbours.merging import Merge, encoded
from prack_grpc.neighbours.neighbours import Cluster, Port
from prack_grpc.private.errors import NO_STORE

# By method and path; one that ends in a slash is for all names below it.
Merges = Mapping[tuple[str, str], Merge]


class Together:
    """Merges answers of this `port` of all gateways."""

    def __init__(self, cluster: Cluster, port: Port, merges: Merges) -> None:
        self._own = cluster.own
        self._neighbours = cluster.neighbours
        self._port = port
        self._merges = merges

    def merge(self, scope: Scope) -> Merge | None:
        """How answers to this call are merged; None if it is answered by this gateway alone."""
        if scope["type"] != "http" or PASSED_ON in scope:
            return None
        method, path = scope["method"], scope["path"]
        folder = path[: path.rfind("/") + 1]
        merge = self._merges.get((method, path)) or self._merges.get((method, folder))
        return merge if self._neighbours.names() else None

    async def answer(
        self, merge: Merge, app: ASGIApp, scope: Scope, body: bytes, caller: str
    ) -> Response:
        """The answer of all, to a call with this body of the caller of this name."""
        own = await answered(app, scope, body)
        if own.status_code not in (OK, NOT_FOUND):
            return own
        said = [field for field in own.raw_headers if field[0] == REVISION]
        told = [field for field in scope["headers"] if field[0] != REVISION]
        asked = {**scope, "headers": told + said}
        others = await ask(self._neighbours, self._port, asked, body, caller)
        bodies = {self._own: bytes(own.body)} if own.status_code == OK else {}
        if not (bodies := bodies | others.bodies):
            return own
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        content = await asyncio.to_thread(encoded, merge, bodies, query, others.silent)
        return Response(content, headers=NO_STORE, media_type="application/json")

    async def whole(self, path: str, own: bytes, query: str, caller: str) -> bytes:
        """The answer of all to a GET of this path, with the one that is here already."""
        if not self._neighbours.names():
            return own
        all_ = await self.with_others(path, own, query, caller, [])
        merge, asked = self._merges["GET", path], dict(parse_qsl(query))
        return await asyncio.to_thread(encoded, merge, all_.bodies, asked, all_.silent)

    async def with_others(
        self, path: str, own: bytes, query: str, caller: str, fields: Headers
    ) -> Answers:
        """What all say to it, each for itself."""
        scope: Scope = {"method": "GET", "path": path, "query_string": query.encode()}
        scope["headers"] = fields
        others = await ask(self._neighbours, self._port, scope, b"", caller)
        return Answers({self._own: own} | others.bodies, others.silent)


async def answered(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """What an application answers, whole."""
    response, pieces = Response(), []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status_code = message["status"]
            response.raw_headers = list(message["headers"])
        else:
            pieces.append(message.get("body", b""))

    await app(scope, sent(body, nothing), keep)
    response.body = b"".join(pieces)
    return response
