"""Coroutines that run at once, in the caller's turn of the loop, and need a task only if they wait.

As tasks of Python 3.12 and newer do with `eager_start`. What runs before the first wait is in no
task, so it must not use `asyncio.timeout`. Nor does a `Pause` need a task, or bring one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Protocol, TypeVar

from starlette.types import ASGIApp, Message, Scope

T = TypeVar("T")


class Pause(asyncio.Future[None]):
    """What a coroutine may wait for in a task or in none."""

    def end(self) -> None:
        """Go on, in the next turn of the loop. May be called again."""
        if not self.done():
            self.set_result(None)


class Watcher(Protocol):
    """Who goes on with a call."""

    def lost(self, error: object) -> None:
        """The caller has gone."""


class Reply(Protocol):
    """What takes the response of the running call."""

    def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send the whole response; the next call may begin before this returns."""


class Upload(Protocol):
    """The body of a call that is still on its way."""

    @property
    def is_here(self) -> bool:
        """There is something to be received."""

    async def receive(self) -> Message:
        """The next event, as ASGI has it."""

    def tell(self, change: Callable[[], None]) -> None:
        """Call this when there may be something to be received."""


class Connection(Protocol):
    """What the connection of a call offers beyond ASGI."""

    def watch(self, watcher: Watcher) -> None:
        """Tell this when the caller has gone; at once if he has already."""

    def unwatch(self, watcher: Watcher) -> None:
        """Tell this no more."""

    def reply(self) -> Reply | None:
        """What takes a whole response at once; None while the caller does not read."""

    def run(self, app: ASGIApp) -> None:
        """Have this go on with the running call, in a task."""


def connection(scope: Scope) -> Connection:
    """The one that a call came by."""
    found: Connection = scope["extensions"]["prack"]["connection"]
    return found


@coroutine
def resumed(work: Coroutine[Any, Any, T], waits: Any) -> Generator[Any, Any, T]:
    """The rest of a coroutine that has begun, and `waits` for this."""
    try:
        yield waits
    except BaseException as error:  # the task is cancelled
        try:
            yield work.throw(error)
        except StopIteration as done:
            result: T = done.value
            return result
    return (yield from work.__await__())
