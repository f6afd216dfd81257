"""Serves one request at a time; the others wait in this process. `/?ms=200` takes 200 ms."""

import asyncio
from typing import Any

from bench.apps.hello import BODY, START, live

slot = asyncio.Lock()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Takes as long as the client says."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    async with slot:
        await asyncio.sleep(int(scope["query_string"].removeprefix(b"ms=") or 0) / 1000)
    await send(START)
    await send(BODY)
