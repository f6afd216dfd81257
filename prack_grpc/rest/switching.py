"""Connections that leave HTTP: `GET /api/v1/stream` with `Upgrade` (RFC 9110 section 7.8)."""

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from prack_grpc.core.worker import Principal
from prack_grpc.private.callers import PRINCIPAL
from prack_grpc.private.errors import DRAINING, UPGRADE, UPGRADE_REQUIRED, ApiError

Switch = Callable[[asyncio.Protocol], None]
TOKEN = UPGRADE.encode()
API, STREAM_PATH = "/api/v1", "stream"


class StreamEndpoint:
    """`carrier` makes the protocol of a principal's stream, or None while the gateway stops."""

    def __init__(self, carrier: Callable[[Principal], asyncio.Protocol | None]) -> None:
        self._carrier = carrier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` scope; there is nothing to send. Raises ApiError."""
        self.switch(scope)

    def switch(self, scope: Scope) -> None:
        """Hand over the connection to another protocol. Raises ApiError."""
        switch: Switch | None = scope.get("extensions", {}).get("prack", {}).get("switch")
        if switch is None:
            raise ApiError(UPGRADE_REQUIRED)
        protocol = self._carrier(scope[PRINCIPAL])
        if protocol is None:
            raise ApiError(DRAINING)
        switch(protocol)
