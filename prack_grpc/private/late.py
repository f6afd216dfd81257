"""A private port of which nobody has wanted more than its health, or a stream.

Most gateways have no other callers, and FastAPI, with all that is described by it, is a seventh of
their memory and a fifth of their start (decision 0061).
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from prack_grpc.private.callers import HEALTH, PRINCIPAL, TELLING, Callers, Shown, last
from prack_grpc.private.certificate import Certificate
from prack_grpc.private.errors import ApiError

if TYPE_CHECKING:
    from prack_grpc.private.app import PrivateApp


class LateApp:
    """Serves calls to these `endpoints`, by method and path, of callers who may make them.

    With the first other call `make` makes the application, in a thread. It serves all from then on,
    by itself if `on_made` sees to that.
    """

    def __init__(
        self,
        callers: Callers,
        endpoints: Mapping[tuple[str, str], ASGIApp],
        make: Callable[[], "PrivateApp"],
    ) -> None:
        self._callers = callers
        self._endpoints = endpoints
        self._make = make
        self._making: asyncio.Task[PrivateApp] | None = None
        self._app: PrivateApp | None = None
        self.on_made: Callable[[ASGIApp], None] = lambda _: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` scope."""
        if self._app is None:
            endpoint = self._endpoints.get((scope["method"], scope["path"]))
            if endpoint and await self._serve(endpoint, scope, receive, send):
                return
        app = self._app or await self._made()
        await app(scope, receive, send)

    async def relayed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one `http` scope that another gateway passes on, see PrivateApp."""
        app = self._app or await self._made()
        await app.relayed(scope, receive, send)

    async def _serve(self, endpoint: ASGIApp, scope: Scope, receive: Receive, send: Send) -> bool:
        """False, with nothing done, if the application has to look at who calls."""
        fields, names = _shown(scope)
        if who := self._callers.admits((fields, names)):
            scope[PRINCIPAL] = who
        elif scope["path"] not in HEALTH or self._callers.refusal(scope, names):
            return False
        elif self._callers.asks:
            send = last(send)
        try:
            await endpoint(scope, receive, send)
        except ApiError as error:
            await error.response()(scope, receive, send)
        return True

    async def _made(self) -> "PrivateApp":
        if self._making is None:
            making = asyncio.to_thread(self._make)
            self._making = asyncio.create_task(making, name="private application")
        app = await asyncio.shield(self._making)
        if self._app is None:
            self._app = app
            self.on_made(app)
        return app


def _shown(scope: Scope) -> Shown:
    # As PrivateApp has it, who looks at this with each call and so asks nobody else.
    about: Certificate | None = scope["extensions"].get("prack", {}).get("certificate")
    fields = tuple(field for field in scope["headers"] if field[0] in TELLING)
    return fields, about.alternatives if about else ()
