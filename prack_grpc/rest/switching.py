"""Connections that leave HTTP: `GET /api/v1/stream` with `Upgrade` (RFC 9110 section 7.8)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prack_grpc.rest.errors import DRAINING, UPGRADE, UPGRADE_REQUIRED, ApiError

Switch = Callable[[asyncio.Protocol], None]
# Where a scope holds the Switch of its connection.
SWITCH = "prack.switch"
TOKEN = UPGRADE.encode()
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % TOKEN
)


class Switching(HttpToolsProtocol):
    """uvicorn's protocol class, with a way out for whoever asks for UPGRADE."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._behind: bytes | None = None  # what came behind the head of an upgrade

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._behind is not None:
            self._behind += data
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._get_upgrade() == TOKEN and self.parser.get_http_version() == "1.1":
                self.flow.pause_reading()
                self._behind = data[upgrade.args[0] :]
                self.cycle.keep_alive = False
                self.cycle.scope[SWITCH] = self._switch  # type: ignore[literal-required]
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _switch(self, protocol: asyncio.Protocol) -> None:
        self.cycle.disconnected = True  # uvicorn is to say nothing more
        if self.transport.is_closing():
            return
        self.connections.discard(self)
        self.transport.write(SWITCHING)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self._behind:
            protocol.data_received(self._behind)
        self.flow.resume_reading()


class Switched(Response):
    """The connection is another protocol's from now on."""

    def __init__(self, switch: Switch, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._hand_over = switch, protocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        switch, protocol = self._hand_over
        switch(protocol)


class StreamEndpoint:
    """`carrier` makes what carries a stream, or None if this gateway takes no more."""

    def __init__(self, carrier: Callable[[], asyncio.Protocol | None]) -> None:
        self._carrier = carrier

    async def stream(self, request: Request) -> Response:
        """Turns the connection into a stream of frames: the gRPC worker protocol without gRPC.

        With `Connection: Upgrade` and `Upgrade: prack.v1`; see proto/README.md, section 11.
        """
        switch = request.scope.get(SWITCH)
        if switch is None:
            raise ApiError(UPGRADE_REQUIRED)
        protocol = self._carrier()
        if protocol is None:
            raise ApiError(DRAINING)
        return Switched(switch, protocol)
