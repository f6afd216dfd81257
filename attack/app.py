"""The application behind the gateway under attack."""

import asyncio
import random
from typing import Any

HEADERS = [(b"content-type", b"text/plain")]
# More than the buffers between a gateway and a client that does not read.
LARGE = bytes(64 * 1024)
PIECES = 512


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers a GET, `/slow` late, reads an upload, streams `/large`, and listens to WebSockets."""
    if scope["type"] == "websocket":
        await _listen(receive, send)
    elif scope["type"] == "http":
        await _answer(scope["path"], receive, send)


async def _listen(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _answer(path: str, receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    if path == "/slow":
        await asyncio.sleep(random.uniform(0.1, 0.3))
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    for _ in range(PIECES if path == "/large" else 0):
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})
    await send({"type": "http.response.body", "body": b"hello\n"})
