"""The application of the workers: ASGI, and it writes down what it does."""

import asyncio
from typing import Any

from soak.answers import Digest, Script
from soak.journal import Entry, Journal

JOURNAL = Journal()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer as the target says."""
    serve = {"http": request, "websocket": socket}[scope["type"]]
    entry = JOURNAL.begin(scope["path"][1:], scope["extensions"]["prack"]["attempt"])
    try:
        await serve(scope, receive, send, entry)
    finally:
        entry.end()


async def request(scope: Any, receive: Any, send: Any, entry: Entry) -> None:
    """One request."""
    digest, more = Digest(scope["method"]), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        digest.add(message["body"])
        more = message["more_body"]
    script = Script.parse(scope["query_string"].decode())
    await asyncio.sleep(script.wait / 1000)
    entry.say("head")
    headers = [(b"content-type", b"text/plain")]
    if script.length is not None:
        headers.append((b"content-length", b"%d" % script.length))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number, body in enumerate(script.body(entry.nonce, str(digest)), 1):
        more = number < script.pieces
        if not more:
            entry.end()  # the slot is free before `send` returns
        await send({"type": "http.response.body", "body": body, "more_body": more})
        await asyncio.sleep(more * script.every / 1000)


async def socket(_: Any, receive: Any, send: Any, entry: Entry) -> None:
    """One WebSocket: each message comes back after the nonce."""
    await receive()
    entry.say("head")
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        try:
            await send({"type": "websocket.send", "text": f"{entry.nonce} {message['text']}"})
        except OSError:  # the client, or the worker, has left
            return
