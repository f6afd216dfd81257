"""The demo worker's application: plain ASGI, nothing of Prack in it.

prack-worker examples.demo:app
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PAGE = b"""<!doctype html>
<title>Prack</title>
<h1>It works</h1>
<p>This page was answered by a worker that dialled in and pulled your request.</p>
<ul>
  <li><a href="/hello">/hello</a> says hello
  <li><a href="/echo">/echo</a> shows what the worker was given
  <li><a href="/stream">/stream</a> sends one line a second
</ul>
"""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one ASGI scope."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    page = PAGES.get(scope["path"], missing)
    await page(scope, receive, send)


async def reply(send: Send, status: int, kind: bytes, body: bytes) -> None:
    """One small response."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def index(scope: Scope, receive: Receive, send: Send) -> None:
    """The start page."""
    await reply(send, 200, b"text/html; charset=utf-8", PAGE)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The shortest answer."""
    await reply(send, 200, b"text/plain", b"Hello from worker %d\n" % os.getpid())


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The request as the application sees it."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "client": scope["client"],
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in scope["headers"]],
        "body_bytes": size,
    }
    await reply(send, 200, b"application/json", json.dumps(seen, indent=2).encode() + b"\n")


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Five lines, one a second."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(1, 6):
        line = b"line %d of 5\n" % number
        await send({"type": "http.response.body", "body": line, "more_body": True})
        await asyncio.sleep(1)
    await send({"type": "http.response.body"})


async def missing(scope: Scope, receive: Receive, send: Send) -> None:
    """Anything else."""
    await reply(send, 404, b"text/plain", b"The demo has no such page; try /hello\n")


PAGES = {"/": index, "/hello": hello, "/echo": echo, "/stream": stream}
