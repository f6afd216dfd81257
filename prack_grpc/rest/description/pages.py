"""Pages about the gateway itself."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

import prack_grpc
from prack_grpc.core.limits import Limits
from prack_grpc.private import bodies
from prack_grpc.private.health import Health, add_health
from prack_grpc.rest import ask
from prack_grpc.rest.description import openapi
from prack_grpc.rest.description.page import PAGE_HEADERS, page
from prack_grpc.rest.rack import endpoints


def add_pages(app: FastAPI, limits: Limits, health: Health) -> None:
    """Add the description, /api/v1/info, and the health pages."""
    about = _about(limits)

    @app.get("/docs", include_in_schema=False)
    async def docs(_: Request) -> Response:
        return HTMLResponse(page(app.openapi()), headers=PAGE_HEADERS)

    @app.get("/openapi.json", include_in_schema=False)
    async def description(_: Request) -> Response:
        return JSONResponse(app.openapi(), headers=PAGE_HEADERS)

    @app.get("/api/v1/info", summary="What this gateway speaks", openapi_extra=openapi.SECURED)
    async def info(_: Request) -> Response:
        return JSONResponse(about, headers=PAGE_HEADERS)

    add_health(app, health)


def _about(limits: Limits) -> dict[str, Any]:
    return {
        "version": prack_grpc.__version__,
        "api_versions": ["v1"],
        "protocol": "prack.v1",
        "limits": {
            "wait_seconds": ask.MAX_WAIT,
            "requests": ask.MAX_BATCH,
            "answers": endpoints.MAX_ANSWERS,
            "message_bytes": bodies.MAX_BODY,
            "request_body_bytes": limits.rest_body,
            "answer_seconds": limits.head_timeout,
            "lease_seconds": limits.lease_max,
        },
    }
