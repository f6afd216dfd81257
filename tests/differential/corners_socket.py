"""The WebSocket pages of `corners`: `/<page>/<name>`. What a page saw, `/left/<name>` tells."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

Page = Callable[[Receive, Send], Awaitable[None]]

TEXT = (b"content-type", b"text/plain")
FIELDS = [(b"x-one", b"1"), (b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2")]


class Visit:
    """One WebSocket: its scope, every event that was received, and its end."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.events: list[Message] = []
        self.over = asyncio.Event()


visits: defaultdict[str, Visit] = defaultdict(Visit)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the page that the path begins with."""
    _, page, name = scope["path"].split("/", 2)
    visit = visits[name]
    visit.scope = scope

    async def noted() -> Message:
        message = await receive()
        visit.events.append({**message, "bytes": repr(message.get("bytes"))})
        return message

    await noted()
    try:
        await PAGES[page](noted, send)
    finally:
        visit.over.set()


async def until_closed(receive: Receive) -> AsyncIterator[Message]:
    """All that the client still says."""
    while (message := await receive())["type"] == "websocket.receive":
        yield message


async def echo(receive: Receive, send: Send) -> None:
    """Sends back each message."""
    await send({"type": "websocket.accept"})
    async for message in until_closed(receive):
        await send({**message, "type": "websocket.send"})


async def subprotocol(receive: Receive, send: Send) -> None:
    """Takes the second of the subprotocols that are offered."""
    await send({"type": "websocket.accept", "subprotocol": "two"})
    async for _ in until_closed(receive):
        pass


async def fields(receive: Receive, send: Send) -> None:
    """Accepts with fields of its own."""
    await send({"type": "websocket.accept", "headers": FIELDS})
    async for _ in until_closed(receive):
        pass


async def early(receive: Receive, send: Send) -> None:
    """Speaks first."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await send({"type": "websocket.send", "bytes": b""})
    async for _ in until_closed(receive):
        pass


async def refuse(receive: Receive, send: Send) -> None:
    """Says no, without a reason."""
    await send({"type": "websocket.close"})


async def respond(receive: Receive, send: Send) -> None:
    """Says no with a response."""
    start = {"status": 401, "headers": [TEXT, (b"www-authenticate", b"Basic"), *FIELDS]}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"you"})


async def crash(receive: Receive, send: Send) -> None:
    """Fails before it has accepted."""
    raise RuntimeError("before the handshake")


async def crash_after(receive: Receive, send: Send) -> None:
    """Fails after it has accepted."""
    await send({"type": "websocket.accept"})
    raise RuntimeError("after the handshake")


async def silent(receive: Receive, send: Send) -> None:
    """Returns without a word."""


async def leave(receive: Receive, send: Send) -> None:
    """Returns after it has accepted."""
    await send({"type": "websocket.accept"})


def closing(**close: int | str) -> Page:
    """A page that closes like this."""

    async def page(receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last"})
        await send({"type": "websocket.close", **close})

    return page


PAGES: dict[str, Page] = {
    "echo": echo,
    "subprotocol": subprotocol,
    "fields": fields,
    "early": early,
    "refuse": refuse,
    "respond": respond,
    "crash": crash,
    "crash-after": crash_after,
    "silent": silent,
    "leave": leave,
    "close": closing(),
    "close-code": closing(code=4321),
    "close-reason": closing(code=3000, reason="genug für heute"),
    "close-away": closing(code=1001, reason=""),
    "close-error": closing(code=1011, reason="mistake"),
}
