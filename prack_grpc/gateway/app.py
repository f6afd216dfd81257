"""The public FastAPI application. It has no route of its own: every path is the workers'."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypedDict

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from prack_grpc.gateway.endpoint import Endpoint
from prack_grpc.gateway.request.exchange import Connection


class State(TypedDict):
    """What the lifespan gives to every request (ASGI lifespan state)."""

    endpoint: Endpoint


Lifespan = Callable[[Any], AbstractAsyncContextManager[State]]


class PublicApp(FastAPI):
    """Hands `http` scopes straight to the endpoint; only the lifespan is FastAPI's.

    A route would answer 405 to methods that it does not know, and cost half of the throughput.
    """

    def __init__(self, lifespan: Lifespan) -> None:
        super().__init__(lifespan=lifespan, openapi_url=None, telemetry={"tracing": False})

    def begin(self, scope: dict[str, Any], body: bytes, connection: Connection) -> bool:
        """Serve a request that is here whole without ASGI's detours, see `Endpoint.begin`."""
        endpoint: Endpoint = scope["state"]["endpoint"]
        return endpoint.begin(scope, body, connection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] in ("http", "websocket"):
            await scope["state"]["endpoint"](scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
