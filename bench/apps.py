"""The applications that every contender serves. They do next to nothing: the way there counts."""

from typing import Any

from fastapi import FastAPI

HELLO = b"Hello, world!\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(HELLO))],
}
BODY = {"type": "http.response.body", "body": HELLO}


async def hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A bare ASGI application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await send(START)
        await send(BODY)


async def _live(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    await send({"type": "lifespan.shutdown.complete"})


json = FastAPI()


@json.get("/")
async def items() -> dict[str, Any]:
    """What a small JSON API answers."""
    return {"message": "Hello, world!", "items": [{"id": i, "name": f"item {i}"} for i in range(5)]}


APPS = {"hello": "bare ASGI", "json": "FastAPI, JSON"}
