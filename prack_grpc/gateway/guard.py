"""The HTTP/1.1 protocol class of the public port: uvicorn's, with what a gateway needs more.

A request learns at once, without a task of its own, that its client has gone; it sees its target
byte for byte; and a response that must not look complete can be cut.
"""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class Guard(HttpToolsProtocol):
    """Adds `scope["extensions"]["prack"]`: `target` as sent, and this object as `connection`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: RequestResponseCycle | None = None
        self._on_lost: Callable[[], None] | None = None

    def watch(self, on_lost: Callable[[], None] | None) -> None:
        """Call this when the client has gone; the running request sets and clears it."""
        self._on_lost = on_lost
        if on_lost is not None and self.transport.is_closing():
            on_lost()

    def cut(self) -> None:
        """End the connection so that the client cannot take the response for complete."""
        if self._running is not None:
            self._running.disconnected = True
        self.transport.abort()

    def on_headers_complete(self) -> None:
        """Complete the scope before uvicorn starts the request."""
        self.scope["extensions"] = {"prack": {"target": self.url, "connection": self}}
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request of this connection, not only the newest."""
        self._unset_keepalive_if_required()
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        if self._on_lost is not None:
            self._on_lost()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that is not taken is no event worth a line (RFC 9110 section 7.8)."""
