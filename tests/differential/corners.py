"""A hand-written ASGI application whose pages are the corners of HTTP; `corners_wsgi` is its twin.

`ANSWERS` are pages that say the same whatever they are asked, in both applications.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.differential import corners_socket

Field = tuple[bytes, bytes]

MIB = 1024 * 1024
TEXT = (b"content-type", b"text/plain")
CHUNKED = (b"transfer-encoding", b"chunked")
# Of a paced response.
PACED = [b"piece %d\n" % number for number in range(5)]


def length(size: int) -> Field:
    """The Content-Length field."""
    return (b"content-length", b"%d" % size)


# Status, fields, the pieces of the body.
ANSWERS: dict[str, tuple[int, list[Field], list[bytes]]] = {
    "plain": (200, [TEXT, length(5)], [b"hello"]),
    "no-length": (200, [TEXT], [b"hello"]),
    "pieces": (200, [TEXT], [b"one", b"", b"two", b"three"]),
    "pieces-length": (200, [TEXT, length(11)], [b"one", b"two", b"three"]),
    "empty": (200, [TEXT], [b""]),
    "empty-length": (200, [length(0)], [b""]),
    "no-fields": (200, [], [b"hello"]),
    "created": (201, [(b"location", b"/plain?x=%20y"), length(0)], [b""]),
    "no-content": (204, [(b"x-a", b"1")], [b""]),
    "no-content-length": (204, [length(0)], [b""]),
    "reset-content": (205, [length(0)], [b""]),
    "not-modified": (304, [(b"etag", b'"a"'), (b"vary", b"accept")], [b""]),
    "not-modified-length": (304, [(b"etag", b'"a"'), length(5)], [b""]),
    "strange-status": (299, [TEXT, length(5)], [b"hello"]),
    "teapot": (418, [TEXT, length(5)], [b"short"]),
    "unavailable": (503, [(b"retry-after", b"7"), TEXT, length(4)], [b"busy"]),
    "cookies": (
        200,
        [
            (b"set-cookie", b"a=1; Path=/; HttpOnly"),
            (b"x-between", b"1"),
            (b"set-cookie", b"b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT"),
            (b"set-cookie", b"a=3"),
            length(2),
        ],
        [b"ok"],
    ),
    "repeats": (
        200,
        [(b"vary", b"a"), (b"link", b"</1>"), (b"vary", b"b"), (b"link", b"</2>, </3>"), length(0)],
        [b""],
    ),
    "upper-case": (200, [(b"X-Upper-CASE", b"Kept As IS"), (b"Content-Length", b"2")], [b"ok"]),
    "obs-text": (
        200,
        [(b"x-bytes", b"caf\xe9 \xff\x80"), (b"x-utf", b"\xc3\xa4"), length(0)],
        [b""],
    ),
    "tab": (200, [(b"x-tab", b"a\tb"), (b"x-quoted", b'"a, b"; c="\\""'), length(0)], [b""]),
    "empty-value": (200, [(b"x-empty", b""), (b"x-after", b"1"), length(0)], [b""]),
    "many": (200, [*((b"x-%d" % n, b"v%d" % n) for n in range(90)), length(2)], [b"ok"]),
    "too-many": (200, [*((b"x-%d" % n, b"v") for n in range(101)), length(2)], [b"ok"]),
    "large-head": (200, [*((b"x-%d" % n, b"v" * 4000) for n in range(15)), length(2)], [b"ok"]),
    "both-framings": (200, [length(5), CHUNKED], [b"hello"]),
    "own-chunked": (200, [TEXT, CHUNKED], [b"hello", b"again"]),
    "close": (200, [(b"connection", b"close"), length(5)], [b"hello"]),
    "keep-alive": (200, [(b"keep-alive", b"timeout=99"), length(5)], [b"hello"]),
    "upgrade": (200, [(b"upgrade", b"h2c"), (b"connection", b"upgrade"), length(5)], [b"hello"]),
    "nominated": (200, [(b"connection", b"x-hop"), (b"x-hop", b"1"), length(5)], [b"hello"]),
    "own-date": (
        200,
        [(b"date", b"Wed, 21 Oct 2015 07:28:00 GMT"), (b"server", b"corners"), length(0)],
        [b""],
    ),
    "own-via": (200, [(b"via", b"1.1 behind"), (b"x-request-id", b"42"), length(0)], [b""]),
    "encoded": (200, [(b"content-encoding", b"gzip"), TEXT, length(6)], [b"\x1f\x8b\0\xff\r\n"]),
    "short": (200, [TEXT, length(10)], [b"hello"]),
    "short-pieces": (200, [TEXT, length(20)], [b"hello", b"again"]),
    "long": (200, [TEXT, length(5)], [b"hello, HTTP/1.1 200 OK\r\n\r\n"]),
    "long-pieces": (200, [TEXT, length(5)], [b"hello", b", HTTP/1.1 200 OK\r\n\r\n"]),
    "download": (200, [length(2 * MIB)], [bytes(range(256)) * 256] * 32),
    "download-pieces": (200, [], [bytes(range(256)) * 256] * 32),
    "short-download": (200, [length(2 * MIB + 10)], [bytes(range(256)) * 256] * 32),
    "long-download": (200, [length(2 * MIB - 10)], [bytes(range(256)) * 256] * 32),
    "partial": (
        206,
        [(b"content-range", b"bytes 1-3/5"), (b"accept-ranges", b"bytes"), length(3)],
        [b"ell"],
    ),
    "unsatisfiable": (416, [(b"content-range", b"bytes */5"), length(0)], [b""]),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the page that the path begins with."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    if scope["type"] == "websocket":
        await corners_socket.serve(scope, receive, send)
        return
    page = scope["path"].split("/")[1]
    if page in ANSWERS:
        await answer(send, *ANSWERS[page])
    else:
        await PAGES[page](scope, receive, send)


async def answer(send: Send, status: int, fields: list[Field], pieces: list[bytes]) -> None:
    """Send a response piece by piece."""
    await send({"type": "http.response.start", "status": status, "headers": fields})
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": pieces[-1]})


async def pieces_of(receive: Receive) -> AsyncIterator[bytes]:
    """The request body as it comes."""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message["body"]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """What the application saw."""
    body = [piece async for piece in pieces_of(receive)]
    await report(send, seen(scope) | digest(b"".join(body)))


def seen(scope: Scope) -> dict[str, Any]:
    """A scope as JSON."""
    decoded = {
        key: value.decode("latin-1") if isinstance(value, bytes) else value
        for key, value in scope.items()
        if isinstance(value, (bytes, str, tuple, list, dict)) and key not in ("state", "extensions")
    }
    decoded["headers"] = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in scope["headers"]]
    return decoded | {"keys": sorted(scope)}


async def left(scope: Scope, receive: Receive, send: Send) -> None:
    """What the WebSocket of this name saw, once it is over."""
    visit = corners_socket.visits[name_of(scope)]
    await visit.over.wait()
    await report(send, seen(visit.scope) | {"events": visit.events})


def name_of(scope: Scope) -> str:
    """What comes after the page in a path."""
    path: str = scope["path"]
    return path.split("/", 2)[2]


def digest(body: bytes) -> dict[str, int | str]:
    """How much of a body there was, and what."""
    return {"body_bytes": len(body), "body_sha256": hashlib.sha256(body).hexdigest()}


async def report(send: Send, value: dict[str, Any]) -> None:
    """A JSON answer."""
    body = json.dumps(value).encode()
    fields = [(b"content-type", b"application/json"), length(len(body))]
    await answer(send, 200, fields, [body])


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, then says hello."""
    size = sum([len(piece) async for piece in pieces_of(receive)])
    await answer(send, 200, [length(size)], [b"x" * size])


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Begins to answer, then sends back the body as it comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT]})
    async for piece in pieces_of(receive):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails before the head."""
    raise RuntimeError("before the head")


async def crash_after(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails in the middle of the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT, length(10)]})
    await send({"type": "http.response.body", "body": b"hello", "more_body": True})
    raise RuntimeError("after the head")


async def crash_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails when a part of the body has long left."""
    await send({"type": "http.response.start", "status": 200, "headers": [length(8 * MIB)]})
    for _ in range(48):
        await send({"type": "http.response.body", "body": bytes(MIB // 8), "more_body": True})
    raise RuntimeError("in the body")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Returns without a word."""


async def unfinished(scope: Scope, receive: Receive, send: Send) -> None:
    """Returns in the middle of the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT]})
    await send({"type": "http.response.body", "body": b"hello", "more_body": True})


async def hints(scope: Scope, receive: Receive, send: Send) -> None:
    """Early hints, where there can be any."""
    if "http.response.early_hint" in scope.get("extensions", {}):
        links = [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]
        await send({"type": "http.response.early_hint", "links": links})
    await answer(send, *ANSWERS["plain"])


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    """Trailers, where there can be any."""
    able = "http.response.trailers" in scope.get("extensions", {})
    fields = [TEXT, (b"trailer", b"x-sum, x-last")]
    start = {"type": "http.response.start", "status": 200, "headers": fields, "trailers": able}
    await send(start)
    await send({"type": "http.response.body", "body": b"hello"})
    if able:
        for field, more in (((b"x-sum", b"1"), True), ((b"x-last", b"2"), False)):
            message = {"headers": [field], "more_trailers": more}
            await send({"type": "http.response.trailers", **message})


acks: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))


async def paced(scope: Scope, receive: Receive, send: Send) -> None:
    """Waits after each piece until the client says at `/ack/<name>` that it is there."""
    name, _, content_type = name_of(scope).partition("/")
    fields = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for piece in PACED:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await acks[name].acquire()
    await send({"type": "http.response.body"})


async def ack(scope: Scope, receive: Receive, send: Send) -> None:
    """Lets the paced response of this name go on."""
    acks[name_of(scope)].release()
    await answer(send, *ANSWERS["no-content"])


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    """Does not answer, however long the client waits."""
    while (await receive())["type"] != "http.disconnect":
        pass
    print("nobody waits any more")  # noqa: T201 - a test reads it


PAGES: dict[str, ASGIApp] = {
    "": echo,
    "echo": echo,
    "read": read,
    "mirror": mirror,
    "crash": crash,
    "crash-after": crash_after,
    "crash-late": crash_late,
    "silent": silent,
    "unfinished": unfinished,
    "hints": hints,
    "trailers": trailers,
    "left": left,
    "paced": paced,
    "ack": ack,
    "never": never,
}
