"""A shop that is well, one that is slow, and a new version of it that fails now and then."""

import asyncio
import itertools

from starlette.types import Receive, Scope, Send

turns = itertools.count(1)


async def well(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in some milliseconds."""
    await answer(scope, send, 200, 0.004 * (next(turns) % 8))


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes two seconds for everything."""
    await answer(scope, send, 200, 2)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails once in three times, and is slower."""
    await answer(scope, send, 200 if next(turns) % 3 else 500, 0.06)


async def answer(scope: Scope, send: Send, status: int, seconds: float) -> None:
    """A page of a shop, after a while."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await asyncio.sleep(seconds)
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"a page of the shop\n" * 50})
