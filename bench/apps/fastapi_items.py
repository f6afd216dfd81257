"""A small JSON API in FastAPI."""

from typing import Any

from fastapi import FastAPI

from bench.apps import ITEMS

app = FastAPI()


@app.get("/")
async def items() -> dict[str, Any]:
    """What such an API answers."""
    return ITEMS
