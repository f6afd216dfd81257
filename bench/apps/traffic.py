"""Bodies, streams, events and WebSockets.

GET /                     a few bytes
GET /bytes?65536          a body of that size in one piece
GET /stream?65536         the same in pieces of 64 KiB
GET /events?100,20        100 events, one each 20 ms, which say when they were sent
POST /                    reads the body, answers with its size
WebSocket                 sends back what it gets
"""

import asyncio
from time import monotonic_ns
from typing import Any

from bench.apps.hello import BODY, START, live

PIECE = bytes(64 * 1024)
SPACE = b" " * 64


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Dispatches by type, method and path."""
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "websocket":
        await _echo(receive, send)
    elif scope["method"] == "POST":
        await _count(receive, send)
    else:
        numbers = [int(part) for part in scope["query_string"].split(b",") if part]
        await PATHS.get(scope["path"], _hello)(send, *numbers)


async def _hello(send: Any) -> None:
    await send(START)
    await send(BODY)


async def _bytes(send: Any, size: int) -> None:
    await _start(send, (b"content-length", b"%d" % size))
    await send({"type": "http.response.body", "body": bytes(size)})


async def _stream(send: Any, size: int) -> None:
    await _start(send, (b"content-length", b"%d" % size))
    for start in range(0, size, len(PIECE)):
        await _piece(send, PIECE[: size - start])
    await send({"type": "http.response.body"})


async def _events(send: Any, count: int, every_ms: int) -> None:
    # The second field is how applications ask nginx not to collect what they send.
    await _start(send, (b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"))
    for _ in range(count):
        await asyncio.sleep(every_ms / 1000)
        await _piece(send, event())
    await send({"type": "http.response.body"})


def event() -> bytes:
    """One event, made now; about as long as a token of a chat."""
    return b"data: %d%b\n\n" % (monotonic_ns(), SPACE)


async def _count(receive: Any, send: Any) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = b"%d\n" % size
    await _start(send, (b"content-length", b"%d" % len(text)))
    await send({"type": "http.response.body", "body": text})


async def _echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"]})


async def _start(send: Any, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _piece(send: Any, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


PATHS: dict[str, Any] = {"/bytes": _bytes, "/stream": _stream, "/events": _events}
