"""Answers exchanges with an application that is reached over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

from prack_worker.errors import ApplicationAway, ApplicationFailed, ClientDisconnected
from prack_worker.exchange import AbortCode, Exchange
from prack_worker.proxy.connection import Connection
from prack_worker.proxy.http import relay
from prack_worker.proxy.upstream import Upstream
from prack_worker.proxy.websocket import relay_websocket

log = logging.getLogger("prack_worker")

Relay = Callable[[Exchange, Upstream], Coroutine[object, object, None]]


class ProxyApplication:
    """Relays each exchange as it is.

    WebSockets do not end when the worker stops, and what they say is not looked at. So when
    nothing else is left, `over` is set: then the application is to end them.

    Args:
        upstream: the application.
        on_away: called when it cannot be reached.

    Attributes:
        over: the worker stops, and holds WebSockets at most.
    """

    interruptible = True
    tunnels = True

    def __init__(self, upstream: Upstream, on_away: Callable[[], object]) -> None:
        self._upstream = upstream
        self._on_away = on_away
        self._requests = 0
        self._tunnels: set[Connection] = set()
        self._draining = False
        self.over = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the idle connections at the end."""
        try:
            yield
        finally:
            self._upstream.close()

    async def handle(self, exchange: Exchange) -> None:
        """Relay one; it is given back if the application cannot be reached."""
        if exchange.request.tunnel:
            exchange.on_drain = self._drain
            if exchange.draining:
                self._drain()
            return await self._relay(partial(relay_websocket, tunnels=self._tunnels), exchange)
        self._requests += 1
        try:
            await self._relay(relay, exchange)
        finally:
            self._requests -= 1
            self._notice()

    def hang_up(self) -> None:
        """Say to the application that the clients of its WebSockets have left."""
        for connection in self._tunnels:
            connection.end()

    def _drain(self) -> None:
        """The worker stops, and gets no more requests."""
        self._draining = True
        self._notice()

    def _notice(self) -> None:
        if self._draining and not self._requests:
            self.over.set()

    async def _relay(self, kind: Relay, exchange: Exchange) -> None:
        try:
            await kind(exchange, self._upstream)
        except ApplicationAway as error:
            self._on_away()
            exchange.abort(AbortCode.REFUSED, str(error))
        except ApplicationFailed as error:
            if exchange.cancelled is None:
                log.warning("The application failed on %s: %s", exchange.request.request_id, error)
                exchange.abort(AbortCode.HANDLER_ERROR, f"the application failed: {error}")
        except ClientDisconnected:
            pass  # there is nobody to tell
