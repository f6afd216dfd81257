"""Streams in both directions: a Starlette app, nothing of Prack in it.

prack-worker examples.starlette_stream:app
uvicorn examples.starlette_stream:app    (without Prack)
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

PIECE = 256 * 1024
FILES = tempfile.TemporaryDirectory(prefix="streams-")


async def ticks(request: Request) -> StreamingResponse:
    """Server-sent events, one every tenth of a second."""

    async def events() -> AsyncIterator[str]:
        for number in range(1, request.path_params["last"] + 1):
            yield f"id: {number}\ndata: tick\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(events(), media_type="text/event-stream")


async def digest(request: Request) -> JSONResponse:
    """The digest of an upload of any size, which is never in memory as a whole."""
    sha256, size = hashlib.sha256(), 0
    async for piece in request.stream():
        sha256.update(piece)
        size += len(piece)
    return JSONResponse({"bytes": size, "sha256": sha256.hexdigest()})


async def upload(request: Request) -> JSONResponse:
    """Keep a file; its lines are counted after the answer."""
    name, size = request.path_params["name"], 0
    with (Path(FILES.name) / name).open("wb") as kept:
        async for piece in request.stream():
            size += kept.write(piece)
    task = BackgroundTask(count_lines, name)
    return JSONResponse({"name": name, "bytes": size}, status_code=201, background=task)


async def download(request: Request) -> StreamingResponse:
    """Send a file in pieces, of unknown length as far as the client can see."""
    place = Path(FILES.name) / request.path_params["name"]
    if not place.is_file():
        raise HTTPException(404, "there is no such file")

    async def pieces() -> AsyncIterator[bytes]:
        with place.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    return StreamingResponse(pieces(), media_type="application/octet-stream")


async def count_lines(name: str) -> None:
    """The background task."""
    with (Path(FILES.name) / name).open("rb") as file:
        print(name, "has", sum(1 for _ in file), "lines")


app = Starlette(
    routes=[
        Route("/ticks/{last:int}", ticks),
        Route("/digest", digest, methods=["POST"]),
        Route("/files/{name}", upload, methods=["PUT"]),
        Route("/files/{name}", download),
    ]
)
