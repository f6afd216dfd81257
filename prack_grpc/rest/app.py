"""The FastAPI application of the worker API."""

import asyncio
import copy
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from prack_grpc.broker.seam import Broker
from prack_grpc.core.limits import Limits
from prack_grpc.private import description
from prack_grpc.private.app import PrivateApp
from prack_grpc.private.callers import Callers
from prack_grpc.private.health import Health
from prack_grpc.rest import ask
from prack_grpc.rest.description import openapi
from prack_grpc.rest.description import operators as openapi_operating
from prack_grpc.rest.description import raw as openapi_raw
from prack_grpc.rest.description.pages import add_pages
from prack_grpc.rest.operators import OperatorEndpoints
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.rack.answers import Answers
from prack_grpc.rest.rack.endpoints import Endpoints
from prack_grpc.rest.raw.endpoints import RawEndpoints
from prack_grpc.rest.relay import EarlierGateway, Relay
from prack_grpc.rest.switching import StreamEndpoint

Paths = tuple[tuple[str, str, str], ...]
Operations = dict[str, dict[str, Any]]
# Method, path and name of each endpoint.
PATHS = (
    ("GET", "request", "poll"),
    ("POST", "response", "answer"),
    ("POST", "request", "answer"),
    ("POST", "exchange", "exchange"),
    ("POST", "requests/{identifier}/error", "error"),
    ("POST", "requests/{identifier}/release", "release"),
    ("POST", "requests/{identifier}/extend", "extend"),
)
RAW_PATHS = (
    ("GET", "requests/next", "next"),
    ("GET", "requests/{identifier}/body", "body"),
    ("POST", "requests/{identifier}/response", "respond"),
    ("POST", "requests/{identifier}/chunks", "chunk"),
    ("GET", "requests/{identifier}", "state"),
)
STREAM_PATHS = (("GET", "stream", "stream"),)
OPERATING_PATHS = (
    ("GET", "queue", "queue"),
    ("GET", "workers", "workers"),
    ("GET", "routes", "routes"),
    ("GET", "versions", "versions"),
    ("GET", "traffic", "traffic"),
    ("PUT", "traffic", "divide"),
    ("POST", "drain", "drain"),
    ("POST", "resume", "resume"),
)


class WorkerApp(PrivateApp):
    """`polls` is used to stop the gateway."""

    def __init__(self, polls: Polls, relay: Relay, callers: Callers) -> None:
        super().__init__(callers, "Prack worker API", openapi.ABOUT)
        self.polls = polls
        self.notices = polls.leases.cancelled.of
        self._relay = relay

    async def about(self, identifier: str, request: Request) -> Response | None:
        """See PrivateApp. A predecessor may have handed it out."""
        return await self._relay.about(identifier, request)

    def telling(self, scope: Scope, response: Response) -> Response:
        """The response, with the cancelled requests of the worker that made the call."""
        worker = scope.get("prack.worker") or ask.named(scope["query_string"])
        identifiers = ",".join(self.polls.leases.cancelled.take(worker))
        if not identifiers:
            return response
        told = copy.copy(response)  # some responses are shared
        told.raw_headers = [*response.raw_headers, (b"prack-cancelled", identifiers.encode())]
        return told

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, with the schemas that FastAPI cannot derive."""
        schema = super().openapi()
        schemas = openapi.SCHEMAS | openapi_raw.SCHEMAS | openapi_operating.SCHEMAS
        schema["components"] = openapi.COMPONENTS | {"schemas": schemas}
        description.complete(schema)
        return schema


def create_app(
    broker: Broker,
    limits: Limits,
    token: str | None,
    health: Health,
    predecessor: EarlierGateway | None = None,
    changed: Callable[[], None] = lambda: None,
    carrier: Callable[[], asyncio.Protocol | None] = lambda: None,
    hosts: Iterable[str] = (),
) -> WorkerApp:
    """The worker API. With a `token`, all but the health and description pages need it; without
    one it may be called as localhost, and under the names of `hosts`.

    `health` says whether this gateway takes requests. `polls.end_all()` of the result ends the
    parked polls when the gateway stops. A `predecessor` finishes what it holds.
    `changed` is called when drains or divisions have changed. `carrier` makes what serves a
    connection that becomes a stream, or None while there can be none; see `StreamEndpoint`.
    """
    polls = Polls(broker, limits)
    relay = Relay(broker, predecessor)
    app = WorkerApp(polls, relay, Callers(token, hosts))
    answers = Answers(broker, polls.leases, relay)
    endpoints = Endpoints(broker, polls, answers, relay)
    _add_endpoints(app, endpoints, PATHS, openapi.OPERATIONS)
    raw = RawEndpoints(broker, polls, answers, relay)
    _add_endpoints(app, raw, RAW_PATHS, openapi_raw.OPERATIONS)
    operating = OperatorEndpoints(broker, changed, polls.end)
    _add_endpoints(app, operating, OPERATING_PATHS, openapi_operating.OPERATIONS)
    _add_endpoints(app, StreamEndpoint(carrier), STREAM_PATHS, openapi.STREAM)
    add_pages(app, limits, health)
    return app


def _add_endpoints(app: FastAPI, endpoints: object, paths: Paths, operations: Operations) -> None:
    for method, path, name in paths:
        options = operations[name]
        endpoint = getattr(endpoints, name)
        app.add_api_route(f"/api/v1/{path}", endpoint, methods=[method], **options)
