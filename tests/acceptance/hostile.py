"""Applications that do to their worker what applications should not: ASGI and WSGI."""

import asyncio
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn
from wsgiref.types import StartResponse

from starlette.types import Receive, Scope, Send


class Odd(BaseException):
    """No `Exception`."""


def cancelled() -> NoReturn:
    raise asyncio.CancelledError


def odd() -> NoReturn:
    raise Odd


def interrupted() -> NoReturn:
    raise KeyboardInterrupt


RAISES: dict[str, Callable[[], NoReturn]] = {
    "exit": sys.exit,
    "interrupt": interrupted,
    "cancelled": cancelled,
    "odd": odd,
}


def work(number: int) -> int:
    """Of a process pool."""
    return number * number


def pool() -> str:
    """Its `terminate` sends SIGTERM to forked children."""
    with multiprocessing.get_context("fork").Pool(2) as workers:
        return str(workers.map(work, range(3)))


def terminated() -> str:
    """A child that ends of a SIGTERM which comes while it starts."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    return str(child.exitcode)


def forked() -> str:
    """A child that lives as long as the worker lets it."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
    child.start()
    return "forked"


PAGES: dict[str, Callable[[], str]] = {
    "pool": pool,
    "terminated": terminated,
    "forked": forked,
    "hello": lambda: "hello",
}


def say(text: str) -> None:
    """A line for the test."""
    os.write(1, f"{text}\n".encode())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: /<what>/<name>."""
    if scope["type"] == "lifespan":
        return
    what, name = scope["path"].strip("/").split("/")
    if what == "before":
        RAISES[name]()
    if what == "task":
        await asyncio.gather(raising(name))
    if what == "stray":
        scope["state"]["stray"] = asyncio.create_task(raising(name))
    if what == "hang":
        say("hangs")
        await asyncio.to_thread(threading.Event().wait)
    if what == "block":
        say("blocks")
        until = time.monotonic() + float(name)
        while time.monotonic() < until:  # Python hears of a signal between two calls only
            time.sleep(0.05)  # noqa: ASYNC251 - that is the point
    if what == "sleep":
        say("sleeps")
        time.sleep(float(name))  # noqa: ASYNC251 - one long call
    if what == "slow":
        say("slow")
        await asyncio.sleep(float(name))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if what in ("after", "background"):
        body = {"type": "http.response.body", "body": b"begun", "more_body": what == "after"}
        await send(body)
        RAISES[name]()
    text = PAGES[name]() if what == "page" else name
    await send({"type": "http.response.body", "body": text.encode()})


async def raising(name: str) -> None:
    """A task of its own."""
    RAISES[name]()


def wsgi(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """WSGI: /<what>/<name>."""
    what, name = environ["PATH_INFO"].strip("/").split("/")
    if what == "before":
        RAISES[name]()
    if what == "hang":
        say("hangs")
        threading.Event().wait()
    if what in ("slow", "sleep"):
        say(f"{what}s")
        time.sleep(float(name))
    start_response("200 OK", [])
    if what == "after":
        return begun(name)
    return [(PAGES[name]() if what == "page" else name).encode()]


def begun(name: str) -> Iterator[bytes]:
    """Raises after the first piece."""
    yield b"begun"
    RAISES[name]()


async def quits(scope: Scope, receive: Receive, send: Send) -> None:
    """Cannot start."""
    await receive()
    sys.exit("no database")
