"""The FastAPI application of the worker API."""

import hmac
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import prack_grpc
from prack_grpc.broker.base import Broker
from prack_grpc.core.limits import Limits
from prack_grpc.rest import bodies, openapi
from prack_grpc.rest.endpoints import Endpoints
from prack_grpc.rest.errors import BAD_METHOD, INTERNAL, NOT_FOUND, UNAUTHENTICATED, ApiError
from prack_grpc.rest.pages import add_pages
from prack_grpc.rest.polls import Polls

WITHOUT_TOKEN = frozenset(("/livez", "/readyz", "/docs", "/openapi.json"))
# What the framework itself answers.
BY_STATUS = {404: NOT_FOUND, 405: BAD_METHOD}


class RawRoute(APIRoute):
    """Described like any route of FastAPI, but called without its dependencies and models."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.endpoint(Request(scope, receive))
        except ApiError as error:
            response = error.response()
        except bodies.Gone:
            return
        await response(scope, receive, send)


class WorkerApp(FastAPI):
    """Asks for the token before anything else. `polls` are for whoever stops the gateway."""

    def __init__(self, polls: Polls, token: str | None) -> None:
        super().__init__(
            title="Prack worker API",
            version=prack_grpc.__version__,
            description=openapi.ABOUT,
            redoc_url=None,
            swagger_ui_oauth2_redirect_url=None,
            redirect_slashes=False,
            exception_handlers={HTTPException: _refused, Exception: _refused},
            telemetry={"tracing": False},
        )
        self.router.route_class = RawRoute
        self.polls = polls
        self._token = token.encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http" and not self._admits(scope):
            await ApiError(UNAUTHENTICATED).response()(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The description, with the schemas that raw endpoints cannot tell."""
        schema = super().openapi()
        schema["components"] = openapi.COMPONENTS
        return schema

    def _admits(self, scope: Scope) -> bool:
        if self._token is None or scope["path"] in WITHOUT_TOKEN:
            return True
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, given = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token)


def create_app(
    broker: Broker, limits: Limits, token: str | None, ready: Callable[[], bool]
) -> WorkerApp:
    """The worker API. With a `token`, all but the health and description pages need it.

    `ready` says whether this gateway takes requests. `polls.end_all()` of the result ends the
    parked polls when the gateway stops.
    """
    polls = Polls(broker, limits)
    app = WorkerApp(polls, token)
    _add_data_plane(app, Endpoints(broker, polls))
    add_pages(app, limits, ready)
    return app


def _add_data_plane(app: FastAPI, endpoints: Endpoints) -> None:
    for method, path, name in (
        ("GET", "request", "poll"),
        ("POST", "response", "answer"),
        ("POST", "request", "answer"),
        ("POST", "exchange", "exchange"),
        ("POST", "requests/{identifier}/error", "error"),
        ("POST", "requests/{identifier}/release", "release"),
        ("POST", "requests/{identifier}/extend", "extend"),
    ):
        app.add_api_route(
            f"/api/v1/{path}",
            getattr(endpoints, name),
            methods=[method],
            **openapi.OPERATIONS[name],
        )


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework refuses, in our words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = ApiError(BY_STATUS.get(status, INTERNAL)).response()
    if status == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """The framework knows only those of the first endpoint on this path."""
    path = request.scope["path"]
    routes = [route for route in request.app.routes if route.path_regex.match(path)]
    return sorted({method for route in routes for method in route.methods})
