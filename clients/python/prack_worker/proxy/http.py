"""One request on its way to the application, and the answer on its way back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from prack_worker.errors import ApplicationAway, ApplicationFailed, ClientDisconnected
from prack_worker.exchange import Exchange
from prack_worker.proxy.connection import Connection
from prack_worker.proxy.head import CHUNKED, framing, request_head
from prack_worker.proxy.upstream import Upstream

# RFC 9110 section 9.2.2. Only these go over a connection that was used before: the application may
# close it at any time, and then nobody knows whether it has seen the request.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
CONTINUE_SECONDS = 1.0  # for an application that does not know `Expect` (RFC 9110 section 10.1.1)


async def relay(exchange: Exchange, upstream: Upstream) -> None:
    """Bring the request to the application, and its answer to the client.

    Raises:
        ApplicationAway: the request has not left.
        ApplicationFailed: there is no answer, or only a part of one.
        ClientDisconnected: nobody waits for it any more.
    """
    body = exchange.body.complete()
    if body is not None and exchange.request.method in IDEMPOTENT and (old := upstream.idle()):
        try:
            return await Passage(exchange, body, old).run(upstream)
        except ApplicationFailed:
            if old.answer.begun or exchange.cancelled is not None:
                raise
        connection = await _dial_again(upstream)
    else:
        connection = await upstream.dial()
    await Passage(exchange, body, connection).run(upstream)


async def _dial_again(upstream: Upstream) -> Connection:
    """An old connection was closed while a request went out. Raises ApplicationFailed."""
    try:
        return await upstream.dial()
    except ApplicationAway as error:  # but it may have seen the request
        raise ApplicationFailed(str(error)) from None


class Passage:
    """A request, its body if that is here whole, and the connection that carries it."""

    def __init__(self, exchange: Exchange, body: bytes | None, connection: Connection) -> None:
        self._exchange = exchange
        self._connection = connection
        self._body = body
        self._framing = framing(exchange.request, body)
        self._said = asyncio.Event()  # the application has said 100, or its answer
        self._answered = False
        self._sent = body is not None

    async def run(self, upstream: Upstream) -> None:
        """Relay both ways; the connection goes back, or is closed. Raises as `relay`."""
        exchange, connection = self._exchange, self._connection
        if exchange.cancelled is not None:
            return connection.close()
        exchange.on_cancel = connection.close
        head = self._head(upstream.address.authority())
        connection.request(exchange.request.method, head + (self._body or b""))
        upload = None if self._sent else asyncio.create_task(self._upload(), name="prack upload")
        taken = False  # what nobody has taken of an answer would be in the way of the next
        try:
            await self._answer()
            taken = True
        finally:
            if upload is not None:
                upload.cancel()
                await asyncio.wait([upload])
            if self._sent and taken:
                upstream.keep(connection)
            else:
                connection.close()

    def _head(self, authority: bytes) -> bytes:
        expect = [(b"expect", b"100-continue")] * self._exchange.body.waits
        return request_head(self._exchange.request, authority, self._framing + expect)

    async def _upload(self) -> None:
        """Bring the body; whoever closes the connection ends this."""
        if self._exchange.body.waits and not await self._permitted():
            return
        end = False
        with suppress(ClientDisconnected):
            while not end:
                data, end = await self._exchange.receive_body()
                self._connection.write(self._chunk(data, end))
                await self._connection.writable()
            self._sent = True

    async def _permitted(self) -> bool:
        """Whether the application has not answered without the body."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONTINUE_SECONDS):
                await self._said.wait()
        return not self._answered

    def _chunk(self, data: bytes, end: bool) -> bytes:
        if CHUNKED not in self._framing:
            return data
        last = b"0\r\n\r\n" if end else b""
        return b"%x\r\n%b\r\n%b" % (len(data), data, last) if data else last

    async def _answer(self) -> None:
        status, fields = await self._connection.head()
        while status < 200:
            if status == 100:
                self._said.set()
            elif status == 101:
                raise ApplicationFailed("it changed the protocol (101), which nobody asked for")
            else:
                await self._exchange.send_head(status, fields)
            status, fields = await self._connection.head()
        self._answered = True
        self._said.set()
        await self._exchange.send_head(status, fields)
        await send_body(self._exchange, self._connection)


async def send_body(exchange: Exchange, connection: Connection) -> None:
    """Bring the rest of an answer whose head was sent. Raises as `relay`."""
    end = False
    while not end:
        data, end = await connection.body()
        if end and connection.answer.trailers:
            await exchange.send_body(data)
            await exchange.send_trailers(connection.answer.trailers)
        else:
            await exchange.send_body(data, end)
