"""`receive` and `send` of one HTTP request (ASGI HTTP specification 2.4)."""

from __future__ import annotations

import asyncio
import logging

from prack_worker.asgi.lifespan import Message
from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import AbortCode, Exchange, send_error
from prack_worker.failures import log_failure

log = logging.getLogger("prack_worker")


class HttpCycle:
    """One request, its response, and the extensions for early hints and trailers."""

    __slots__ = (
        "_body_read",
        "_exchange",
        "_next",
        "_started",
        "_told",
        "_trailers",
        "_with_trailers",
    )

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._body_read = False
        self._told = False  # that nobody waits
        self._started = False
        self._next = "http.response.start"
        self._with_trailers = False
        self._trailers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> Message:
        """The application waits for the next event."""
        if self._body_read:
            await self._exchange.wait_over()
            return await self._disconnect()
        try:
            body, self._body_read = await self._exchange.receive_body()
        except ClientDisconnected:
            return await self._disconnect()
        return {"type": "http.request", "body": body, "more_body": not self._body_read}

    async def _disconnect(self) -> Message:
        if self._told:  # or an application that asks on and on would keep the loop for good
            await asyncio.sleep(0)
        self._told = True
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The application hands over the next event."""
        kind = message["type"]
        if kind != self._next:
            await self._send_hint(message)
        elif kind == "http.response.body":
            end = not message.get("more_body", False) and self._ends()
            # Not `bytes(...)`, which makes so many zeros of a number.
            await self._exchange.send_body(b"" + message.get("body", b""), end)
        elif kind == "http.response.start":
            # The body of a small response catches up with its head in the transport.
            await self._exchange.send_head(message["status"], message.get("headers", ()))
            self._started = True
            self._with_trailers = message.get("trailers", False)
            self._next = "http.response.body"
        else:
            await self._send_trailers(message)

    async def _send_hint(self, message: Message) -> None:
        """Send an early hint, the only event that may precede the response, any number of times."""
        kind = message["type"]
        if kind != "http.response.early_hint" or self._started:
            raise RuntimeError(f"{kind} is not allowed at this point of a response")
        links = [(b"link", bytes(link)) for link in message["links"]]
        await self._exchange.send_head(103, links)

    def _ends(self) -> bool:
        """The body is complete; returns whether the response is, too."""
        self._next = "http.response.trailers" if self._with_trailers else ""
        return not self._with_trailers

    async def _send_trailers(self, message: Message) -> None:
        self._trailers.extend(message.get("headers", ()))
        if not message.get("more_trailers", False):
            self._next = ""
            await self._exchange.send_trailers(self._trailers)

    async def finish(self) -> None:
        """The application returned."""
        if self._next and self._exchange.cancelled is None:
            log.error(
                "The application returned before its response to request %s was complete",
                self._exchange.request.request_id,
            )
            await self._give_up()

    async def fail(self, error: BaseException) -> bool:
        """The application raised. Returns False if the client has left: that needs no log."""
        if self._exchange.cancelled is not None:
            return False  # frameworks have errors of their own for that
        log_failure(self._exchange, error)
        await self._give_up()
        return True

    async def _give_up(self) -> None:
        """The application ended before its response was complete."""
        if self._started:
            self._exchange.abort(AbortCode.HANDLER_ERROR, "the application failed")
        else:
            await send_error(self._exchange)
