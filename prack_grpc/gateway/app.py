"""The public application. It has no route of its own: every path is the workers'."""

import logging
from functools import partial
from typing import TypedDict

from starlette.types import Receive, Scope, Send

from prack_grpc.broker.seam import PublicSide
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import Limits
from prack_grpc.gateway.request.client import Client
from prack_grpc.gateway.request.deferral import Deferral
from prack_grpc.gateway.request.exchange import Admit, HttpExchange
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
        server_timing: bool = False,
        admit: Admit | None = None,
        deferral: Deferral | None = None,
    ) -> None:
        """What `admit` refuses is not queued, nor what `deferral` takes."""
        self._limits = limits
        self._admit = admit
        self._broker = broker
        self._exchange = partial(
            HttpExchange, broker, access, max_body, server_timing, admit, deferral
        )
        self._forwarding = forwarding
        self._access = access
        self._websockets: set[WebSocket] = set()

    @property
    def websockets(self) -> int:
        """How many WebSockets are open, or ask to be."""
        return len(self._websockets)

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
        exchange = self._exchange(scope, connection)
        return exchange.begin(request, body, connection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` or `websocket` scope."""
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
            return
        connection: Client = scope["extensions"]["prack"]["connection"]
        exchange = self._exchange(scope, connection)
        await exchange.run(self._forwarding, scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["raw_path"], scope["query_string"]
        record = Record("WEBSOCKET", path, query, scope["client"])
        websocket = WebSocket(self._broker, scope, receive, send, record, self._limits)
        self._websockets.add(websocket)
        try:
            await websocket.run(self._forwarding, self._admit)
        except Exception:
            log.exception(
                "bug: the gateway failed to serve a WebSocket; please report this traceback",
                extra={"action": "internal"},
            )
            await websocket.fail(GatewayError(errors.INTERNAL))
        finally:
            self._websockets.discard(websocket)
            self._access.write(record)


class State(TypedDict):
    """What connections give to every request (ASGI lifespan state)."""

    endpoint: Endpoint


class PublicApp:
    """Hands scopes straight to the endpoint, which is there when the port is open.

    A route of FastAPI would answer 405 to methods that it does not know, and cost half of the
    throughput. Only our own connections may call it: they have limits and time-outs, and know that
    a client has left.
    """

    def begin(self, scope: Scope, body: bytes, client: Client) -> bool:
        """Serve a request that is here whole without ASGI's detours, see `Endpoint.begin`."""
        endpoint: Endpoint = scope["state"]["endpoint"]
        return endpoint.begin(scope, body, client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` or `websocket` scope."""
        await scope["state"]["endpoint"](scope, receive, send)
