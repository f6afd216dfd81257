"""A small shop: a FastAPI app, nothing of Prack in it.

prack-worker examples.fastapi_app:app
uvicorn examples.fastapi_app:app    (without Prack)
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypedDict

from fastapi import FastAPI, HTTPException, Query, Request, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import BaseModel, Field


class Item(BaseModel):
    """Something to sell."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    cents: Annotated[int, Field(gt=0)]


class State(TypedDict):
    """What lives as long as the worker."""

    items: dict[int, Item]
    files: Path


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    """Open the shop, and close it."""
    with tempfile.TemporaryDirectory(prefix="shop-") as files:
        print("the shop is open")
        yield {"items": {1: Item(name="Teapot", cents=1999)}, "files": Path(files)}
    print("the shop is closed")


app = FastAPI(title="Shop", lifespan=lifespan)


@app.get("/items")
async def items(request: Request, below: Annotated[int, Query(gt=0)] = 10_000) -> list[Item]:
    """What costs less than `below` cents."""
    return [item for item in request.state.items.values() if item.cents < below]


@app.get("/items/{number}")
async def item(request: Request, number: Annotated[int, InPath(gt=0)]) -> Item:
    """One item."""
    if number not in request.state.items:
        raise HTTPException(404, f"there is no item {number}")
    found: Item = request.state.items[number]
    return found


@app.put("/items/{number}", status_code=201)
async def put(request: Request, number: Annotated[int, InPath(gt=0)], item: Item) -> Item:
    """Add an item, or change it."""
    request.state.items[number] = item
    return item


@app.post("/files")
async def upload(request: Request, file: UploadFile) -> RedirectResponse:
    """Keep a picture."""
    name = Path(file.filename or "unnamed").name
    with (request.state.files / name).open("wb") as kept:
        while chunk := await file.read(256 * 1024):
            kept.write(chunk)
    return RedirectResponse(f"/files/{name}", status_code=303)


@app.get("/files/{name}")
async def download(request: Request, name: str) -> FileResponse:
    """A picture that was uploaded before."""
    if not (request.state.files / name).is_file():
        raise HTTPException(404, "there is no such file")
    return FileResponse(request.state.files / name)
