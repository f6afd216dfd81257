"""A bare ASGI application."""

from collections.abc import MutableMapping
from typing import Any

HELLO = b"Hello, world!\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(HELLO))],
}
BODY = {"type": "http.response.body", "body": HELLO}


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answers everything with the same few bytes."""
    if scope["type"] == "lifespan":
        await live(receive, send)
    else:
        await send(START)
        await send(BODY)


async def live(receive: Any, send: Any) -> None:
    """The lifespan of an application that has nothing to start."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    await send({"type": "lifespan.shutdown.complete"})
