"""Answers exchanges with an application that is reached over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from prack_worker.errors import ApplicationAway, ApplicationFailed, ClientDisconnected
from prack_worker.exchange import AbortCode, Exchange
from prack_worker.proxy.http import relay
from prack_worker.proxy.upstream import Upstream
from prack_worker.proxy.websocket import relay_websocket

log = logging.getLogger("prack_worker")


class ProxyApplication:
    """Relays each exchange as it is.

    Args:
        upstream: the application.
        on_away: called when it cannot be reached.
    """

    interruptible = True
    websockets = True

    def __init__(self, upstream: Upstream, on_away: Callable[[], object]) -> None:
        self._upstream = upstream
        self._on_away = on_away

    def running(self) -> AbstractAsyncContextManager[None]:
        """Whoever runs the application does that; see `Sidecar`."""
        return nullcontext()

    async def handle(self, exchange: Exchange) -> None:
        """Relay one; it is given back if the application cannot be reached."""
        try:
            kind = relay_websocket if exchange.request.websocket else relay
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
