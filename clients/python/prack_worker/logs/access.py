"""A line for each request that has ended, where that is asked for."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractAsyncContextManager

from prack_wire.terminal import visible
from prack_worker.exchange import Exchange
from prack_worker.worker import Application

log = logging.getLogger("prack_worker.access")

LINE = '%s "%s %s" %s %d %.1f ms %s'


class Accounted:
    """The same application, with a line for each exchange that it has answered.

    Whoever wants no lines has the application itself, so that they cost nothing.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self.interruptible = app.interruptible
        self.websockets: bool = getattr(app, "websockets", False)
        self.tunnels: bool = getattr(app, "tunnels", False)

    def running(self) -> AbstractAsyncContextManager[None]:
        """That of the application."""
        return self._app.running()

    async def handle(self, exchange: Exchange) -> None:
        """Have the application answer, and log what came of it."""
        began = time.perf_counter()
        try:
            await self._app.handle(exchange)
        finally:
            _write(exchange, (time.perf_counter() - began) * 1000)


def _write(exchange: Exchange, milliseconds: float) -> None:
    """A status of 0: the application has sent no head. The names are those of the gateway's log."""
    request = exchange.request
    client = request.client[0] if request.client else "-"
    target = request.target.decode("latin-1")
    shown = visible(target).replace('"', r"\"")
    known_as = request.x_request_id()
    fields = {
        "action": "request",
        "client": client,
        "method": request.method,
        "target": target,
        "status": exchange.status,
        "bytes": exchange.size,
        "duration_ms": round(milliseconds, 1),
        "request_id": known_as,
    }
    if request.request_id != known_as:
        fields["exchange"] = request.request_id
    log.info(
        LINE,
        *(client, request.method, shown, exchange.status or "-", exchange.size, milliseconds),
        known_as,
        extra=fields,
    )
