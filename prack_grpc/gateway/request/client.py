"""What the public edge knows of a client: the seam between a connection and what serves it."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from starlette.types import ASGIApp, Message, Scope

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers


class Watcher(Protocol):
    """Who serves the running request."""

    def lost(self, error: GatewayError | None) -> None:
        """It cannot go on: there is this error for the client, or None, when that has gone."""


class Reply(Protocol):
    """What takes the response of the running request."""

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the whole response; the client's next request may begin before this returns."""


class Client(Protocol):
    """What a connection offers beyond ASGI."""

    def watch(self, watcher: Watcher, waits: bool = False) -> None:
        """Tell this when the request cannot go on.

        One that `waits` will for a while, so that little should be held for it.
        """

    def unwatch(self, watcher: Watcher) -> None:
        """Tell this no more. The request behind it may have begun to watch already."""

    def cut(self) -> None:
        """End the connection without a valid end of the response."""

    def reply(self) -> Reply | None:
        """What takes a whole response at once; None while the client does not read."""

    def run(self, app: ASGIApp) -> None:
        """Have this go on with the running request, in a coroutine."""


@runtime_checkable
class TakesWhole(Protocol):
    """An application that can serve a request that is here whole in a plain call."""

    def begin(self, scope: Scope, body: bytes, client: Client) -> bool:
        """Serve it. False, with nothing done, if it takes a coroutine."""


class Upload(Protocol):
    """The body of a request that is still on its way."""

    @property
    def is_here(self) -> bool:
        """There is something to be received."""

    async def receive(self) -> Message:
        """The next event, as ASGI has it."""

    def tell(self, change: Callable[[], None]) -> None:
        """Call this when there may be something to be received."""


@runtime_checkable
class TakesEarly(Protocol):
    """An application that can begin with a request in a plain call before its body is here."""

    def begin_early(self, scope: Scope, upload: Upload, client: Client) -> bool:
        """Serve it. False, with nothing done, if it takes a coroutine."""
