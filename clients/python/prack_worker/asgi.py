"""Runs an ASGI 3 application (ASGI HTTP specification 2.4)."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import unquote_to_bytes

from prack_worker.errors import ClientDisconnected, ResponseRefused
from prack_worker.exchange import AbortCode, Exchange, send_error
from prack_worker.lifespan import AsgiApp, Message, lifespan

log = logging.getLogger("prack_worker")

ASGI = {"version": "3.0", "spec_version": "2.4"}


class AsgiApplication:
    """Answers exchanges with an ASGI 3 application."""

    interruptible = True

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}

    def running(self) -> AbstractAsyncContextManager[None]:
        """The application's lifespan; see `lifespan`."""
        return lifespan(self._app, self._state)

    async def handle(self, exchange: Exchange) -> None:
        """Call the application; its exception becomes a 500, or an abort after the head."""
        cycle = Cycle(exchange)
        try:
            await self._app(build_scope(exchange, self._state), cycle.receive, cycle.send)
        except ResponseRefused as error:
            log.error("Request %s: %s", exchange.request.request_id, error)
            await cycle.fail()
        except Exception:
            if exchange.cancelled is not None:
                raise  # frameworks have errors of their own for a client that left
            log.exception("The application failed on request %s", exchange.request.request_id)
            await cycle.fail()
        else:
            if not cycle.complete and exchange.cancelled is None:
                log.error("No complete response for request %s", exchange.request.request_id)
                await cycle.fail()


class Cycle:
    """`receive` and `send` of one request."""

    __slots__ = ("_body_read", "_exchange", "_head", "_started", "complete")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._body_read = False
        self._started = False
        self.complete = False

    async def receive(self) -> Message:
        if self._body_read:
            await self._exchange.wait_over()
            return {"type": "http.disconnect"}
        try:
            body, self._body_read = await self._exchange.receive_body()
        except ClientDisconnected:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": not self._body_read}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body" and self._started and not self.complete:
            self.complete = not message.get("more_body", False)
            await self._exchange.send_body(bytes(message.get("body", b"")), self.complete)
        elif kind == "http.response.start" and not self._started:
            # The body of a small response catches up with its head in the transport.
            await self._exchange.send_head(message["status"], message.get("headers", ()))
            self._started = True
        else:
            raise RuntimeError(f"{kind} does not come next in a response")

    async def fail(self) -> None:
        """The application is done and its response is not."""
        if self._started:
            self._exchange.abort(AbortCode.HANDLER_ERROR, "the application failed")
        else:
            await send_error(self._exchange)


def build_scope(exchange: Exchange, state: dict[str, Any]) -> dict[str, Any]:
    """The HTTP connection scope of a request, as uvicorn would build it.

    The extension `prack` holds `request_id` and `attempt` (1 for the first hand-out).
    """
    request = exchange.request
    raw_path, query = request.split_target()
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": request.headers,
        "client": request.client,
        "server": request.server(),
        "state": state.copy(),
        "extensions": {
            "prack": {"request_id": request.request_id, "attempt": request.attempt},
        },
    }
