"""Coroutines that run at once, in the caller's turn of the loop, and need a task only if they wait.

As tasks of Python 3.12 and newer do with `eager_start`. What runs before the first wait is in no
task, so it must not use `asyncio.timeout`.
"""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Protocol, TypeVar

from starlette.types import ASGIApp, Scope

T = TypeVar("T")
OnLost = Callable[[object], None]


class Reply(Protocol):
    """What takes the response of the running call."""

    def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send the whole response; the next call may begin before this returns."""


class Connection(Protocol):
    """What the connection of a call offers beyond ASGI."""

    def watch(self, on_lost: OnLost) -> None:
        """Call this when the caller has gone; at once if he has already."""

    def unwatch(self, on_lost: OnLost) -> None:
        """Call this no more."""

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
