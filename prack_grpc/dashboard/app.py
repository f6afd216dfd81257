"""The FastAPI application of the admin port."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, Query
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prack_grpc.broker.ticket import GATEWAY_DIGITS
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.status import ExchangeStatus
from prack_grpc.core.worker import Principal, Right
from prack_grpc.dashboard import overview, scale
from prack_grpc.dashboard.exchanges import STATUS, ExchangeRows, Exchanges, Order, Timeline, Wanted
from prack_grpc.dashboard.feed import Update, later, update, updates
from prack_grpc.dashboard.login import COOKIE, Logins, add_login
from prack_grpc.dashboard.merges import MERGES
from prack_grpc.dashboard.overview import History, Looking, Overview
from prack_grpc.dashboard.rows import Routes, Rows, Versions, WorkerOrder, Workers
from prack_grpc.dashboard.scale import Need, Needs
from prack_grpc.neighbours.call import CALLER, PASSED_ON, Call
from prack_grpc.neighbours.merging import exposition
from prack_grpc.neighbours.neighbours import ALONE, Cluster
from prack_grpc.private.app import HANDLERS, PrivateApp, caller
from prack_grpc.private.callers import HEALTH, PRINCIPAL, Callers
from prack_grpc.private.description import PROBLEM, UNREADABLE, complete, problems
from prack_grpc.private.errors import (
    BAD_PARAMETER,
    CROSS_SITE,
    FORBIDDEN,
    HEADERS,
    NO_STORE,
    NOT_FOUND,
    UNAUTHENTICATED,
    ApiError,
)
from prack_grpc.private.health import Health, add_health
from prack_grpc.private.operators.operating import Operating
from prack_grpc.private.operators.together import Together
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.pulse import Pulse
from prack_grpc.telemetry.scale import TARGET_WAIT

ABOUT = """\
What this gateway does, for whoever runs it. Times are seconds, instants Unix seconds, sizes bytes;
what is not known is null. Calls that change something need the field `X-Prack-Request: 1`, which
no page of another site can send.
"""
STATIC = Path(__file__).with_name("static")
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
}
FIELDS = [
    (name.lower().encode(), value.encode()) for name, value in (HEADERS | POLICY | NO_STORE).items()
]
CONFIRMED = b"x-prack-request"
FREE = HEALTH | {"/login", "/logout"}
READING = ("GET", "HEAD")
LOOK_ONLY = "these credentials allow to look only; this needs those of an operator"
MOST_ROWS = 1000

UPDATE = TypeAdapter(Update)
Most = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows at most")]
Text = Annotated[str, Query(max_length=512)]
Seconds = Annotated[float, Query(gt=0, le=600, allow_inf_nan=False)]


@dataclass(frozen=True)
class Parts:
    """What the admin port tells of.

    `live` are the requests that are not over; `clients` counts connections and WebSockets;
    `certified` is how certificates are, `deferred` counts requests that are kept.
    """

    watch: Watch
    looking: Looking
    pulse: Pulse
    live: Callable[[], Iterator[ExchangeStatus]]
    clients: Callable[[], tuple[int, int]]
    operating: Operating
    certified: Callable[[], Certified]
    deferred: Callable[[], Counts | None]


class AdminApp(PrivateApp):
    """Its answers tell browsers what they may do with it."""

    def __init__(self, callers: Callers, cluster: Cluster) -> None:
        super().__init__(callers, "Prack admin API", ABOUT)
        self.router.route_class = APIRoute
        self._neighbours = cluster.neighbours
        if cluster.neighbours is not ALONE:
            self.together = Together(cluster, "admin", MERGES)
        self._logins = Logins(cluster.own)
        add_login(self, callers, self._logins)

    def recognized(self, scope: Scope) -> Principal | None:
        """See PrivateApp: who has logged in."""
        return self._logins.who(_cookie(scope))

    async def elsewhere(self, scope: Scope, receive: Receive) -> Response | None:
        """See PrivateApp: another gateway of this page may have given the cookie."""
        gateway = _cookie(scope)[:GATEWAY_DIGITS]
        if gateway not in self._neighbours.names():
            return None
        try:
            streams = await self._neighbours.dial(gateway, "admin")
            return await Call(streams, scope, receive, "").reply()
        except OSError:
            return None

    async def relayed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See PrivateApp. Where another gateway names nobody, it passes on a cookie of ours."""
        if scope["type"] != "http" or CALLER in dict(scope["headers"]):
            await super().relayed(scope, receive, send)
        elif who := self.recognized(scope):
            scope[PRINCIPAL] = who
            await self.trusted(scope, receive, send)
        else:
            await ApiError(UNAUTHENTICATED).response()(scope, receive, send)

    def certified(self, scope: Scope) -> tuple[str, ...]:
        """See PrivateApp. Who has logged in counts before his browser's certificate."""
        return () if self.recognized(scope) else super().certified(scope)

    def build_middleware_stack(self) -> ASGIApp:
        """See PrivateApp; what FastAPI's own endpoints need comes with it."""
        return ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=HANDLERS)

    def openapi(self) -> dict[str, Any]:
        """See FastAPI; with what callers are refused for."""
        schema = super().openapi()
        schemas = schema["components"]["schemas"]
        schemas["Problem"] = PROBLEM
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        complete(schema)
        return schema

    async def trusted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope of a caller who was checked."""
        if scope["type"] == "http" and scope["method"] not in READING:
            if CONFIRMED not in dict(scope["headers"]):
                error = ApiError(CROSS_SITE, "calls that change something need X-Prack-Request: 1")
                await error.response()(scope, receive, send)
                return
        if denial := self._denial(scope):
            self.forbidden(scope, denial)
            await denial.response()(scope, receive, send)
            return
        await super().trusted(scope, receive, _guarding(send))

    def _denial(self, scope: Scope) -> ApiError | None:
        """Pages that anybody may see, and logging in or out, need no right."""
        who: Principal | None = scope.get(PRINCIPAL)
        if who is None or scope["type"] != "http" or scope["path"] in FREE:
            return None
        if Right.READ not in who.rights:
            return ApiError(FORBIDDEN)
        looks = scope["method"] in READING or Right.OPERATE in who.rights
        return None if looks else ApiError(FORBIDDEN, LOOK_ONLY)


def create_app(health: Health, parts: Parts | None, callers: Callers, cluster: Cluster) -> AdminApp:
    """The admin port of a gateway of this `cluster`, for these `callers`.

    Without `parts` it tells only of health.
    """
    app = AdminApp(callers, cluster)
    add_health(app, health)
    _add_description(app)
    if parts is not None:
        _add_endpoints(app, parts, cluster)
    return app


def _add_endpoints(app: AdminApp, parts: Parts, cluster: Cluster) -> None:
    _add_page(app)
    _add_figures(app, parts)
    _add_feed(app, parts)
    _add_metrics(app, parts, cluster)
    _add_requests(app, parts)
    _add_scale(app, parts.watch)
    _add_actions(app, parts.operating)


def _add_description(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        return JSONResponse(app.openapi())


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))


def _add_figures(app: FastAPI, parts: Parts) -> None:
    watch, looking = parts.watch, parts.looking

    @app.get("/api/v1/overview", summary="How the gateway is, at one look")
    async def look() -> Overview:
        return looking.overview()

    @app.get("/api/v1/history", summary="The last 15 minutes, second by second")
    async def history() -> History:
        return overview.history(watch)

    @app.get("/api/v1/routes", summary="Where requests wait")
    async def routes(text: Text = "", most: Most = 100) -> Routes:
        return Rows(watch).routes(text, most)

    @app.get("/api/v1/workers", summary="Who works")
    async def workers(text: Text = "", sort: WorkerOrder = "worker", most: Most = 100) -> Workers:
        return Rows(watch).workers(text, sort, most)

    @app.get("/api/v1/versions", summary="Versions, side by side")
    async def versions() -> Versions:
        return Rows(watch).versions()


def _add_feed(app: AdminApp, parts: Parts) -> None:
    watch, looking = parts.watch, parts.looking

    @app.get("/api/v1/update", summary="What an `update` of the events has, of now")
    async def now(since: Annotated[float, Query(allow_inf_nan=False)] = 0) -> Update:
        return update(watch, looking, later(watch, since))

    @app.get(
        "/api/v1/events",
        summary="An `update` each second: overview, last point of the history, new marks",
        response_class=EventSourceResponse,
    )
    async def events(request: Request) -> AsyncIterable[ServerSentEvent]:
        since = time.time()
        async for own in updates(watch, looking, parts.pulse):
            if caller(request).revoked:
                return
            told = UPDATE.dump_json(own)
            if app.together:
                who = caller(request).name
                told = await app.together.whole("/api/v1/update", told, f"since={since}", who)
            since = time.time()
            yield ServerSentEvent(event="update", raw_data=told.decode())


def _add_metrics(app: AdminApp, parts: Parts, cluster: Cluster) -> None:
    @app.get("/metrics", summary="The figures for Prometheus", response_class=PlainTextResponse)
    async def metrics(
        request: Request,
        accept: Annotated[str, Header()] = "",
        gateways: Annotated[
            Literal["all", "own"], Query(description="`own`: those of the gateway that is asked")
        ] = "all",
    ) -> Response:
        # Nobody scrapes most gateways (decision 0048).
        from prack_grpc.telemetry.metrics import scrape

        shown = []
        certified, deferred = parts.certified(), parts.deferred()
        for metric in scrape.metrics(parts.watch, *parts.clients(), certified, deferred):
            shown.append(metric)
            await asyncio.sleep(0)  # full books are much to read: let others have a turn
        kind, body = await asyncio.to_thread(scrape.encoded, shown, accept, cluster.labels())
        own = gateways == "own" or PASSED_ON in request.scope
        if app.together and cluster.labels() and not own:
            fields, who = [(b"accept", accept.encode("latin-1"))], caller(request).name
            all_ = await app.together.with_others("/metrics", body, "", who, fields)
            _, up = scrape.encoded([scrape.up(all_.bodies, all_.silent)], accept, {})
            body = await asyncio.to_thread(exposition, [*all_.bodies.values(), up])
        return Response(body, media_type=kind)


def _add_requests(app: FastAPI, parts: Parts) -> None:
    known = Exchanges(parts.watch, parts.live)

    @app.get("/api/v1/exchanges", summary="Requests, those in flight or the last that have ended")
    async def exchanges(
        state: Literal["live", "ended"] = "ended",
        status: Annotated[str, Query(pattern=rf"^({STATUS})?$", examples=["5xx", "404"])] = "",
        route: Text = "",
        worker: Text = "",
        text: Text = "",
        sort: Order = "newest",
        most: Most = 100,
    ) -> ExchangeRows:
        return known.rows(Wanted(state, status, route, worker, text, sort, most))

    @app.get(
        "/api/v1/exchanges/{id}",
        summary="One request, with its timeline",
        responses=problems({404: "`not_found`: nothing of it is remembered"}),
    )
    async def exchange(id: str) -> Timeline:
        if found := known.find(id):
            return found
        raise ApiError(NOT_FOUND, "no request with this id is remembered")


def _add_scale(app: FastAPI, watch: Watch) -> None:
    @app.get(
        "/api/v1/scale",
        summary="How many slots a route or a service needs",
        responses=problems({404: "`not_found`: nobody serves it, and nothing waits for it"}),
    )
    async def needs(
        route: Text | None = None, service: Text | None = None, wait: Seconds = TARGET_WAIT
    ) -> Need | Needs:
        if route is None and service is None:
            return scale.needs(watch, wait)
        if route is not None and service is not None:
            raise ApiError(BAD_PARAMETER, "expected `route` or `service`, not both", "service")
        name, loads = route, watch.demands.routes
        if name is None:
            name, loads = service or "", watch.demands.services
        if load := loads.get(name):
            return scale.need(load, wait)
        what = "service" if route is None else "route"
        detail = f"no worker serves the {what} {name!r}, and nothing waits for it"
        raise ApiError(NOT_FOUND, detail, what)


def _add_actions(app: FastAPI, operating: Operating) -> None:
    add, refused = app.add_api_route, problems(UNREADABLE)
    add("/api/v1/gateways", operating.gateways, methods=["GET"])
    add("/api/v1/traffic", operating.traffic, methods=["GET"])
    add("/api/v1/traffic", operating.divide, methods=["PUT"], responses=refused)
    add("/api/v1/drain", operating.drain, methods=["POST"], responses=refused)
    add("/api/v1/resume", operating.resume, methods=["POST"], responses=refused)


def _guarding(send: Send) -> Send:
    async def guarding(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in message["headers"]}
            added = [field for field in FIELDS if field[0] not in names]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return guarding


def _cookie(scope: Scope) -> str:
    return Request(scope).cookies.get(COOKIE, "")
