"""The FastAPI application of the worker API."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from prack_grpc.broker.seam import Broker
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import TRUSTED, Principal
from prack_grpc.deferred.store import Store
from prack_grpc.neighbours.mesh_words import PATH as WORDS
from prack_grpc.neighbours.neighbours import ALONE, Cluster
from prack_grpc.private import description
from prack_grpc.private.app import HotRoute, OperateRoute, PrivateApp, RawRoute, ReadRoute, Table
from prack_grpc.private.callers import PRINCIPAL, Callers
from prack_grpc.private.health import Health
from prack_grpc.private.operators.steering import Steering
from prack_grpc.private.operators.together import Together
from prack_grpc.rest import ask
from prack_grpc.rest.dead import DeadEndpoints
from prack_grpc.rest.description import dead as openapi_dead
from prack_grpc.rest.description import openapi
from prack_grpc.rest.description import operators as openapi_operating
from prack_grpc.rest.description import raw as openapi_raw
from prack_grpc.rest.description.pages import add_pages
from prack_grpc.rest.operators import MERGES, OperatorEndpoints
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.rack.answers import Answers
from prack_grpc.rest.rack.endpoints import Endpoints
from prack_grpc.rest.raw.endpoints import RawEndpoints
from prack_grpc.rest.relay import EarlierGateway, Relay
from prack_grpc.rest.switched import SwitchedEndpoint
from prack_grpc.rest.switching import API, STREAM_PATH, StreamEndpoint

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
STREAM_PATHS = (("GET", STREAM_PATH, "stream"),)
READING_PATHS = (
    ("GET", "queue", "queue"),
    ("GET", "workers", "workers"),
    ("GET", "routes", "routes"),
    ("GET", "versions", "versions"),
    ("GET", "traffic", "traffic"),
    ("GET", "gateways", "gateways"),
)
OPERATING_PATHS = (
    ("PUT", "traffic", "divide"),
    ("POST", "resume", "resume"),
)
DEAD_PATHS = (
    ("GET", "dead", "dead"),
    ("GET", "dead/{letter}", "letter"),
)
DEAD_OPERATING_PATHS = (
    ("POST", "dead/{letter}", "again"),
    ("DELETE", "dead/{letter}", "drop"),
)
# A worker that leaves may say so.
DRAINING_PATHS = (("POST", "drain", "drain"),)


class WorkerApp(PrivateApp):
    """The worker API."""

    def __init__(self, polls: Polls, relay: Relay, callers: Callers) -> None:
        super().__init__(callers, "Prack worker API", openapi.ABOUT)
        self.polls = polls
        self.notices = polls.leases.cancelled.of
        self._relay = relay

    async def about(self, identifier: str, request: Request) -> Response | None:
        """See PrivateApp. Another gateway may have handed it out."""
        return await self._relay.about(identifier, request) if self._relay.open else None

    def telling(self, scope: Scope, response: Response) -> Response:
        """The response, with the cancelled requests of the worker that made the call."""
        worker = scope.get("prack.worker") or ask.named(scope["query_string"])
        who = scope.get(PRINCIPAL, TRUSTED)  # a page that anybody may see names no worker
        identifiers = ",".join(self.polls.leases.cancelled.take((who, worker)))
        if not identifiers:
            return response
        told = copy.copy(response)  # some responses are shared
        told.raw_headers = [*response.raw_headers, (b"prack-cancelled", identifiers.encode())]
        return told

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, with the schemas that FastAPI cannot derive."""
        schema = super().openapi()
        parts = (openapi, openapi_raw, openapi_operating, openapi_dead)
        schemas = {name: one for part in parts for name, one in part.SCHEMAS.items()}
        schema["components"] = openapi.COMPONENTS | {"schemas": schemas}
        description.complete(schema)
        return schema


def create_app(
    polls: Polls,
    broker: Broker,
    limits: Limits,
    callers: Callers,
    health: Health,
    steering: Steering,
    cluster: Cluster,
    predecessor: EarlierGateway | None = None,
    carrier: Callable[[Principal], asyncio.Protocol | None] = lambda _: None,
    store: Store | None = None,
) -> WorkerApp:
    """The worker API, for these `callers`.

    `health` says whether this gateway takes requests. `polls` are
    those that it parks. What operators say goes to `steering`, and is said for all
    of the `cluster`. A `predecessor` finishes what it holds. `carrier` makes what serves a
    connection that becomes a stream, or None while there can be none; see `StreamEndpoint`.
    `store` is where requests are kept that are answered later, if they are.
    """
    relay = Relay(broker, predecessor, cluster.neighbours)
    app = WorkerApp(polls, relay, callers)
    if cluster.neighbours is not ALONE:
        app.together = Together(cluster, "rest", MERGES)
    answers = Answers(broker, polls.leases, relay)
    endpoints = Endpoints(broker, polls, answers, relay)
    _add_endpoints(app, endpoints, PATHS, openapi.OPERATIONS, HotRoute)
    raw = RawEndpoints(broker, polls, answers, relay)
    _add_endpoints(app, raw, RAW_PATHS, openapi_raw.OPERATIONS, HotRoute)
    operating = OperatorEndpoints(broker, cluster, steering, polls.end)
    described = openapi_operating.OPERATIONS
    _add_endpoints(app, operating, READING_PATHS, described, ReadRoute)
    _add_endpoints(app, operating, OPERATING_PATHS, described, OperateRoute)
    _add_endpoints(app, operating, DRAINING_PATHS, described)
    app.router.add_api_route(WORDS, operating.words, methods=["POST"], include_in_schema=False)
    stream = SwitchedEndpoint(StreamEndpoint(carrier))
    _add_endpoints(app, stream, STREAM_PATHS, openapi.STREAM)
    if store is not None:
        letters = DeadEndpoints(store)
        _add_endpoints(app, letters, DEAD_PATHS, openapi_dead.OPERATIONS, ReadRoute)
        _add_endpoints(app, letters, DEAD_OPERATING_PATHS, openapi_dead.OPERATIONS, OperateRoute)
    add_pages(app, limits, health)
    app.table = Table(app.routes)
    return app


def _add_endpoints(
    app: FastAPI,
    endpoints: object,
    paths: Paths,
    operations: Operations,
    route: type[RawRoute] = RawRoute,
) -> None:
    for method, path, name in paths:
        endpoint, options = getattr(endpoints, name), {**operations[name]}
        options["route_class_override"] = route
        app.router.add_api_route(f"{API}/{path}", endpoint, methods=[method], **options)
