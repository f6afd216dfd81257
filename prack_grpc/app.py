"""The public app and its connections: `uvicorn prack_grpc.app:app --http prack_grpc.app:http`.

The lifespan of `app` brings up the private ports. Settings come from PRACK_* variables; uvicorn's
flags say where it listens.
"""

import asyncio
import os
import sys
from typing import cast

import uvicorn
from uvicorn.server import ServerState

from prack_grpc.composition.service import Service
from prack_grpc.deferred.sqlite import BadStore
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.server import Member
from prack_grpc.private.credentials import BadCredentials
from prack_grpc.settings.loading import SettingsError, load
from prack_grpc.tls.certificates import BadCertificate

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

app = service.app


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
