"""An application that sends back what it gets: plain ASGI.

`/told/<name>` says how the WebSocket `/<name>` has ended, as the application was told.
"""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve it."""
    _, page, *rest = scope["path"].split("/")
    if scope["type"] == "websocket":
        await echo(page, receive, send)
    elif scope["type"] == "http" and page == "told":
        await respond(send, 200, str(await endings[rest[0]]))
    elif scope["type"] == "http":
        await respond(send, 404, "only a WebSocket is here")
    else:
        raise NotImplementedError(scope["type"])


class Endings(dict[str, asyncio.Future[int]]):
    """Close codes to come, by the name of the WebSocket."""

    def __missing__(self, name: str) -> asyncio.Future[int]:
        return self.setdefault(name, asyncio.get_running_loop().create_future())


endings = Endings()


async def echo(name: str, receive: Receive, send: Send) -> None:
    """Send each message back, until there is no more."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        with suppress(OSError):  # it has closed, and says so next
            await send({**message, "type": "websocket.send"})
    if not endings[name].done():
        endings[name].set_result(message["code"])


async def respond(send: Send, status: int, text: str) -> None:
    """A small response."""
    body = text.encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
