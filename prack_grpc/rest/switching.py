"""Connections that leave HTTP: `GET /api/v1/stream` with `Upgrade` (RFC 9110 section 7.8)."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.core.worker import Principal
from prack_grpc.private.app import caller
from prack_grpc.private.errors import DRAINING, UPGRADE, UPGRADE_REQUIRED, ApiError

Switch = Callable[[asyncio.Protocol], None]
TOKEN = UPGRADE.encode()


class Switched(Response):
    """Hands the connection over to another protocol."""

    def __init__(self, switch: Switch, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._hand_over = switch, protocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        switch, protocol = self._hand_over
        switch(protocol)


class StreamEndpoint:
    """`carrier` makes the protocol of a principal's stream, or None while the gateway stops."""

    def __init__(self, carrier: Callable[[Principal], asyncio.Protocol | None]) -> None:
        self._carrier = carrier

    async def stream(self, request: Request) -> Response:
        """Turns the connection into a stream of frames: the gRPC worker protocol without gRPC.

        With `Connection: Upgrade` and `Upgrade: prack.v1`; see proto/README.md, section 11.
        """
        switch = _switch(request.scope)
        if switch is None:
            raise ApiError(UPGRADE_REQUIRED)
        protocol = self._carrier(caller(request))
        if protocol is None:
            raise ApiError(DRAINING)
        return Switched(switch, protocol)


def _switch(scope: Scope) -> Switch | None:
    """The callback that switches the connection, if the request asked for UPGRADE."""
    switch: Switch | None = scope.get("extensions", {}).get("prack", {}).get("switch")
    return switch
