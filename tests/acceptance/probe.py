# ruff: noqa: T201 - its output is what tests read
"""A worker's application that tests can look into: plain ASGI.

It says on its output what it does, holds requests until the test releases them, and makes and
takes bodies of any size.
"""

import asyncio
import os
import random
from pathlib import Path

from starlette.types import Receive, Scope, Send

# Of an odd size, so that no shifted part of it looks right.
PIECE = random.Random(1).randbytes(256 * 1024 - 1)
TWICE = PIECE + PIECE
FOLDER = Path(os.environ.get("PROBE_DIR", "."))
running = 0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve `/<what>/<argument>`."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    _, what, argument = scope["path"].split("/", 2)
    await PAGES[what](argument, receive, send)


async def reply(send: Send, text: str) -> None:
    """A small response."""
    body = text.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def run(nonce: str, receive: Receive, send: Send) -> None:
    """Answers with its argument, and how many of these ran at that time."""
    global running
    running += 1
    print("ran", nonce)
    await asyncio.sleep(0)
    await reply(send, f"{nonce} {running}")
    running -= 1


async def hold(name: str, receive: Receive, send: Send) -> None:
    """Answers when there is a file of this name."""
    print("holds", name)
    await released(name)
    await reply(send, f"held {name}")


async def begin(name: str, receive: Receive, send: Send) -> None:
    """Sends the head and a first piece, and the rest when there is a file of this name."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun\n", "more_body": True})
    print("began", name)
    await released(name)
    await send({"type": "http.response.body", "body": b"ended\n"})


async def blob(argument: str, receive: Receive, send: Send) -> None:
    """A download of so many bytes."""
    size, sent = int(argument), 0
    headers = [(b"content-length", b"%d" % size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while sent < size:
        piece = part(sent, min(len(PIECE), size - sent))
        sent += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": sent < size})


async def sink(_: str, receive: Receive, send: Send) -> None:
    """Counts an upload, and how many parts of it are not what `blob` would have sent."""
    size, wrong, more = 0, 0, True
    while more:
        message = await receive()
        body, more = message["body"], message["more_body"]
        wrong += body != part(size, len(body))
        size += len(body)
    await reply(send, f"{size} bytes, {wrong} wrong")


def part(start: int, length: int) -> bytes:
    """A part of an endless body, at most as long as a piece of it."""
    start %= len(PIECE)
    return TWICE[start : start + length]


async def released(name: str) -> None:
    """Wait for a file of this name."""
    while not (FOLDER / name).exists():  # noqa: ASYNC110 - the other side is another process
        await asyncio.sleep(0.01)


PAGES = {"run": run, "hold": hold, "begin": begin, "blob": blob, "sink": sink}
