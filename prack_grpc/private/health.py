"""Whether this gateway takes requests, and if not, why."""

from collections.abc import Callable
from typing import Literal

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prack_grpc.private.app import HEADERS


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


def add_health(app: FastAPI, health: Health) -> None:
    """Add the health pages, which nobody needs a token for."""

    @app.get("/livez", summary="Whether the process runs")
    @app.get("/healthz", include_in_schema=False)
    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "live"}, headers=HEADERS)

    @app.get(
        "/readyz",
        summary="Whether the gateway takes requests",
        responses={503: {"description": "It does not, for these `reasons`"}},
    )
    async def readyz(_: Request) -> Response:
        if reasons := health.reasons():
            told = {"status": "not ready", "reasons": reasons}
            return JSONResponse(told, 503, headers=HEADERS)
        ready: dict[str, object] = {"status": "ready"}
        if notes := health.notes():
            ready["notes"] = notes
        return JSONResponse(ready, headers=HEADERS)
