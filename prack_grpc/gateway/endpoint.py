"""The raw ASGI endpoint behind which every path belongs to the workers."""

import logging
import secrets

from prack_grpc.broker.seam import PublicSide
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import Limits
from prack_grpc.gateway.request.client import Client, Receive, Scope, Send
from prack_grpc.gateway.request.exchange import Served
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.gateway.websocket.exchange import WebSocket
from prack_grpc.telemetry.access import AccessLog, Record

log = logging.getLogger(__name__)


class Endpoint:
    """Queues each request, and sends back what a worker answers."""

    def __init__(
        self,
        broker: PublicSide,
        forwarding: Forwarding,
        access: AccessLog,
        limits: Limits,
        max_body: int | None = None,
    ) -> None:
        self._limits = limits
        self._max_body = max_body
        self._broker = broker
        self._forwarding = forwarding
        self._access = access
        self._websockets: set[WebSocket] = set()

    def stop(self) -> None:
        """End the WebSockets that no exchange is open for."""
        for websocket in self._websockets:
            websocket.stop()

    def begin(self, scope: Scope, body: bytes, connection: Client) -> bool:
        """Serve an `http` scope whose request is here whole, at first without a coroutine.

        False, with nothing done, if that is not to be: then call this object.
        """
        try:
            request = self._forwarding.request(scope)
        except GatewayError:
            return False
        served = Served(self._broker, self._access, scope, connection, self._max_body)
        return served.begin(request, body, connection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` or `websocket` scope."""
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
            return
        connection: Client = scope["extensions"]["prack"]["connection"]
        served = Served(self._broker, self._access, scope, connection, self._max_body)
        await served.run(self._forwarding, scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = Record(scope)
        websocket = WebSocket(self._broker, scope, receive, send, record, self._limits)
        self._websockets.add(websocket)
        try:
            await websocket.run(self._forwarding)
        except Exception:
            log.exception(
                "bug: the gateway failed to serve a WebSocket; please report this traceback",
                extra={"action": "internal"},
            )
            await websocket.fail(GatewayError(errors.INTERNAL), secrets.token_hex(16))
        finally:
            self._websockets.discard(websocket)
            self._access.write(record)
