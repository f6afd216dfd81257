"""The application that workers under test serve, as ASGI (docs/conformance.md describes it)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]

PAUSE_SECONDS = 0.4
BIG = 2_000_000
PLAIN: Fields = [(b"content-type", b"text/plain")]
SPECIAL: Fields = [
    (b"X-Mixed-Case", b"kept"),
    (b"set-cookie", b"a=1"),
    (b"set-cookie", b"b=2"),
    (b"x-obs-text", b"caf\xe9"),
    (b"x-empty", b""),
]


class Gone(Exception):
    """The client has left."""


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve the routes."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await websocket(scope, receive, send)
    else:
        _, name, *rest = scope["path"].split("/", 2)
        route = ROUTES.get(name, missing)
        await route(Call(scope, receive, send, rest[0] if rest else ""))


class Call:
    """One request and its response; `rest` is the path behind the route's name."""

    def __init__(self, scope: Message, receive: Receive, send: Send, rest: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.rest = rest

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the body. Raises Gone."""
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def left(self) -> None:
        """Wait until the client has left."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def head(self, status: int = 200, fields: Fields = PLAIN, **more: Any) -> None:
        """Begin the response."""
        await self.send(
            {"type": "http.response.start", "status": status, "headers": fields, **more}
        )

    async def write(self, data: bytes, more: bool = True) -> None:
        """A piece of the body."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def reply(self, body: bytes, status: int = 200, fields: Fields = PLAIN) -> None:
        """A whole response."""
        await self.head(status, fields)
        await self.write(body, more=False)


async def hello(call: Call) -> None:
    """Also to HEAD, as if it were GET."""
    await call.reply(b"Hello\n", fields=[*PLAIN, (b"content-length", b"6")])


async def echo(call: Call) -> None:
    """The body of the request, each piece as it comes."""
    await call.head(fields=[(b"content-type", b"application/octet-stream")])
    async for piece in call.body():
        await call.write(piece)
    await call.write(b"", more=False)


async def sink(call: Call) -> None:
    """How many bytes the body had."""
    size = 0
    async for piece in call.body():
        size += len(piece)
    await call.reply(b"%d\n" % size)


async def request(call: Call) -> None:
    """The request as it came: method and target, then a line for each field."""
    target = call.scope["raw_path"]
    if query := call.scope["query_string"]:
        target += b"?" + query
    lines = [b"%b %b" % (call.scope["method"].encode(), target)]
    lines += [b"%b: %b" % field for field in call.scope["headers"]]
    await call.reply(b"\n".join(lines) + b"\n")


async def headers(call: Call) -> None:
    """Fields of all kinds."""
    await call.reply(b"headers\n", fields=SPECIAL)


async def status(call: Call) -> None:
    """The status in the path, without a body."""
    await call.reply(b"", int(call.rest), fields=[])


async def early(call: Call) -> None:
    """Refused without a look at the body."""
    await call.reply(b"not wanted\n", 403)


async def stream(call: Call) -> None:
    """Three pieces with pauses between."""
    await call.head()
    for piece in (b"one\n", b"two\n"):
        await call.write(piece)
        await asyncio.sleep(PAUSE_SECONDS)
    await call.write(b"three\n", more=False)


async def big(call: Call) -> None:
    """Two million zero bytes."""
    await call.head(fields=[(b"content-type", b"application/octet-stream")])
    for start in range(0, BIG, 64_000):
        await call.write(bytes(min(64_000, BIG - start)))
    await call.write(b"", more=False)


async def slow(call: Call) -> None:
    """After as many milliseconds as the path says, unless the client leaves; POST reads no body."""
    pause = asyncio.create_task(asyncio.sleep(int(call.rest) / 1000))
    leaving = [asyncio.create_task(call.left())] if call.scope["method"] == "GET" else []
    await asyncio.wait([pause, *leaving], return_when=asyncio.FIRST_COMPLETED)
    for task in leaving:
        task.cancel()
    if pause.cancel():
        raise Gone
    await call.reply(b"slow\n")


async def fail(call: Call) -> None:
    """An error before the response."""
    raise RuntimeError("this application fails, as it was asked to")


async def fail_late(call: Call) -> None:
    """An error within the response."""
    await call.head()
    await call.write(b"part")
    await asyncio.sleep(PAUSE_SECONDS)
    raise RuntimeError("this application fails late, as it was asked to")


async def trailers(call: Call) -> None:
    """A body, and a trailer field."""
    await call.head(trailers=True)
    await call.write(b"body\n", more=False)
    fields = [(b"x-checksum", b"42")]
    await call.send({"type": "http.response.trailers", "headers": fields, "more_trailers": False})


async def hints(call: Call) -> None:
    """An early hint, then the response."""
    links = [b"</style.css>; rel=preload"]
    await call.send({"type": "http.response.early_hint", "links": links})
    await call.reply(b"hinted\n")


async def missing(call: Call) -> None:
    """No such route."""
    await call.reply(b"no such route\n", 404)


ROUTES: dict[str, Callable[[Call], Awaitable[None]]] = {
    "hello": hello,
    "echo": echo,
    "sink": sink,
    "request": request,
    "headers": headers,
    "status": status,
    "early": early,
    "stream": stream,
    "big": big,
    "slow": slow,
    "fail": fail,
    "fail-late": fail_late,
    "trailers": trailers,
    "hints": hints,
}


async def websocket(scope: Message, receive: Receive, send: Send) -> None:
    """/ws echoes until it is told "bye"; all else is refused."""
    await receive()
    if scope["path"] != "/ws":
        await send({"type": "websocket.close"})
        return
    chosen = "kit" if "kit" in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4000, "reason": "done"})
            return
        data = {name: message[name] for name in ("text", "bytes") if message.get(name) is not None}
        await send({"type": "websocket.send", **data})


async def lifespan(receive: Receive, send: Send) -> None:
    """Nothing to start or stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
