"""Runs an ASGI 3 application: HTTP here, WebSockets in `websocket`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from prack_worker.asgi.http import HttpCycle
from prack_worker.asgi.lifespan import AsgiApp, lifespan
from prack_worker.asgi.scope import build_scope
from prack_worker.asgi.websocket import WebSocketCycle
from prack_worker.exchange import Exchange
from prack_worker.failures import is_interruption


class AsgiApplication:
    """Answers exchanges with an ASGI 3 application."""

    interruptible = True
    websockets = True

    def __init__(self, app: AsgiApp, *, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self._state: dict[str, Any] = {}

    def running(self) -> AbstractAsyncContextManager[None]:
        """The application's lifespan; see `lifespan`."""
        return lifespan(self._app, self._state)

    async def handle(self, exchange: Exchange) -> None:
        """Call the application; its exception becomes a 500, or cuts what has begun."""
        kind = WebSocketCycle if exchange.request.websocket else HttpCycle
        cycle: HttpCycle | WebSocketCycle = kind(exchange)
        try:
            scope = build_scope(exchange, self._state, self._root_path)
            await self._app(scope, cycle.receive, cycle.send)
        except BaseException as error:  # `sys.exit()` too: it is one request that fails
            # Raised here and not in `fail`: a frame that has the error as a parameter and in whose
            # traceback it is keeps what the application had open until the garbage collector comes.
            if is_interruption(error) or not await cycle.fail(error):
                raise
        else:
            await cycle.finish()
