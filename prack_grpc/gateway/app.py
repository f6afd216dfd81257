"""The public FastAPI application. It has no route of its own: every path is the workers'."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypedDict

from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from prack_grpc.gateway.endpoint import Endpoint
from prack_grpc.gateway.request.client import Client
from prack_grpc.gateway.request.client import Scope as Head
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# Only our own connections have limits and time-outs, and know that a client has left.
HOW_TO_START = (
    "this server has no limits for clients, so it gets no requests; start `prack serve`, or "
    "`uvicorn prack_grpc.app:app --http prack_grpc.app:http`"
)
_unguarded = Complaint(log, "wrong_server", HOW_TO_START)


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

    def begin(self, scope: Head, body: bytes, client: Client) -> bool:
        """Serve a request that is here whole without ASGI's detours, see `Endpoint.begin`."""
        endpoint: Endpoint = scope["state"]["endpoint"]
        return endpoint.begin(scope, body, client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] not in ("http", "websocket"):
            await super().__call__(scope, receive, send)
        elif "prack" not in scope.get("extensions", {}):
            await _refuse(scope, receive, send)
        else:
            await scope["state"]["endpoint"](scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    _unguarded.make()
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
    else:
        await PlainTextResponse(f"{HOW_TO_START}\n", 500)(scope, receive, send)
