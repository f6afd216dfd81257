"""The public app and its connections: `uvicorn prack_grpc.app:app --http prack_grpc.app:http`.

The lifespan of `app` brings up the private ports. Settings come from PRACK_* variables; uvicorn's
flags say where it listens.
"""

import asyncio
import logging
import os
import sys
from typing import cast

import uvicorn
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose
from uvicorn.server import ServerState

from prack_grpc.composition.service import Service
from prack_grpc.deferred.store import BadStore
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.server import Member
from prack_grpc.private.credentials import BadCredentials
from prack_grpc.settings.loading import SettingsError, load
from prack_grpc.telemetry.complaint import Complaint
from prack_grpc.tls.certificates import BadCertificate

HOW_TO_START = (
    "this server has no limits for clients, so it gets no requests; start `prack serve`, or "
    "`uvicorn prack_grpc.app:app --http prack_grpc.app:http`"
)
_unguarded = Complaint(logging.getLogger(__name__), "wrong_server", HOW_TO_START)


class UvicornApp(FastAPI):
    """Brings up the rest of the gateway. Clients come by way of `http` below, or not at all."""

    def __init__(self, service: Service) -> None:
        super().__init__(lifespan=service.lifespan, openapi_url=None, telemetry={"tracing": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; refuse what comes from connections of uvicorn's own."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        _unguarded.make()
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            await PlainTextResponse(f"{HOW_TO_START}\n", 500)(scope, receive, send)


try:
    settings = load({}, os.environ)
    if settings.proxy_protocol:
        raise SettingsError(["PRACK_PROXY_PROTOCOL: uvicorn does not speak it; use `prack serve`"])
    if settings.processes != 1:
        raise SettingsError(["PRACK_PROCESSES: uvicorn starts one; use `prack serve`"])
    if settings.acme:
        raise SettingsError(["PRACK_ACME: uvicorn has the public port; use `prack serve`"])
    service = Service(settings)
except SettingsError as error:
    sys.exit("\n".join(f"prack: {problem}" for problem in error.problems))
except (BadCertificate, BadCredentials, BadStore) as error:
    sys.exit(f"prack: {error}")

app = UvicornApp(service)


def http(
    config: uvicorn.Config,
    server_state: ServerState,
    app_state: dict[str, object],
    _loop: asyncio.AbstractEventLoop | None = None,
) -> Connection:
    """A connection, made as uvicorn makes those of its own protocol classes."""
    server = service.http
    server.state = app_state
    # What uvicorn knows of them is that they can be shut down.
    server.connections = cast("set[Member]", server_state.connections)
    server.tasks = server_state.tasks
    return Connection(server)
