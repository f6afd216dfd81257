"""Applications whose clients may be slow, with a worker's default slots."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from starlette.types import Receive, Scope, Send

MIB = 1024 * 1024
PIECE = bytes(64 * 1024)


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads bodies and says how long they were; `/large` is 10 MiB, `/endless` has no end.

    `/slow` takes its time before that.
    """
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    left = {"/large": 10 * MIB, "/endless": 1 << 60}.get(scope["path"], 0)
    while left > 0:
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await asyncio.sleep(0)
        left -= len(PIECE)
    await send({"type": "http.response.body", "body": b"%d" % length})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Reads bodies and says how long they were."""
    length = 0
    while piece := environ["wsgi.input"].read(1000):
        length += len(piece)
    start_response("200 OK", [])
    yield b"%d" % length
