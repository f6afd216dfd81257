"""Whether this gateway takes requests, and if not, why."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from prack_grpc.private.errors import HEADERS, NO_STORE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

FIELDS = HEADERS | NO_STORE


class Health:
    """It `started` with its public port, and is `draining` when it stops.

    Where it must have a worker to be ready, `has_worker` tells; `certified` says what is wrong with
    the certificate that clients are shown, and `notes` what does not keep it from taking requests.
    """

    def __init__(self) -> None:
        self.started = self.draining = False
        self.has_worker: Callable[[], bool] = lambda: True
        self.certified: Callable[[], list[str]] = list
        self.notes: Callable[[], list[str]] = list

    @property
    def state(self) -> Literal["starting", "ready", "not ready", "draining"]:
        """In one word."""
        if self.draining:
            return "draining"
        if not self.started:
            return "starting"
        return "not ready" if self.reasons() else "ready"

    def reasons(self) -> list[str]:
        """Why it does not take requests; empty if it does."""
        if self.draining:
            return ["draining: the gateway is stopping"]
        if not self.started:
            return ["starting: the public port is not open yet"]
        worker = [] if self.has_worker() else ["no worker is connected (--ready-with-worker)"]
        return worker + self.certified()


def live() -> "Response":
    """Whether the process runs."""
    return _json({"status": "live"})


def ready(health: Health) -> "Response":
    """Whether the gateway takes requests."""
    if reasons := health.reasons():
        return _json({"status": "not ready", "reasons": reasons}, 503)
    if notes := health.notes():
        return _json({"status": "ready", "notes": notes})
    return _json({"status": "ready"})


def _json(told: dict[str, object], status: int = 200) -> "Response":
    # A gateway at rest answers nobody (decision 0061).
    from starlette.responses import JSONResponse

    return JSONResponse(told, status, headers=FIELDS)


def health_pages(health: Health) -> dict[tuple[str, str], ASGIApp]:
    """The health pages, which nobody needs a token for, by method and path."""

    async def livez(scope: Scope, receive: Receive, send: Send) -> None:
        await live()(scope, receive, send)

    async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
        await ready(health)(scope, receive, send)

    return {("GET", "/livez"): livez, ("GET", "/healthz"): livez, ("GET", "/readyz"): readyz}


def add_health(app: "FastAPI", health: Health) -> None:
    """Add the same to an application."""
    from starlette.requests import Request
    from starlette.responses import Response

    @app.get("/livez", summary="Whether the process runs")
    @app.get("/healthz", include_in_schema=False)
    async def livez(_: Request) -> Response:
        return live()

    @app.get(
        "/readyz",
        summary="Whether the gateway takes requests",
        responses={503: {"description": "It does not, for these `reasons`"}},
    )
    async def readyz(_: Request) -> Response:
        return ready(health)
