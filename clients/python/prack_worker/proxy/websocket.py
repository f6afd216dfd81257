"""One WebSocket: the application speaks RFC 6455 with the client (proto/README.md, section 10.5).

Its bytes are passed on as they are: frames, pings and compression are not looked at.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import Exchange
from prack_worker.proxy.connection import Connection
from prack_worker.proxy.head import request_head
from prack_worker.proxy.http import send_body
from prack_worker.proxy.upstream import Upstream


async def relay_websocket(
    exchange: Exchange, upstream: Upstream, *, tunnels: set[Connection]
) -> None:
    """Relay a handshake, and what follows it, while its connection is among the `tunnels`.

    Raises as `relay` for requests.
    """
    connection = await upstream.dial()
    interrupt, exchange.on_cancel = exchange.on_cancel, connection.close
    try:
        if exchange.cancelled is not None:
            return
        head = request_head(exchange.request, upstream.address.authority())
        connection.request(exchange.request.method, head)
        status, fields = await connection.head()
        while status < 200 and status != 101:
            status, fields = await connection.head()
        await exchange.send_head(status, fields)
        if status == 101:
            tunnels.add(connection)
            exchange.on_cancel = interrupt  # what the client said before it left is still brought
            await _pass_on(exchange, connection)
        else:
            await send_body(exchange, connection)
    finally:
        tunnels.discard(connection)
        connection.close()


async def _pass_on(exchange: Exchange, connection: Connection) -> None:
    """Return when the application has ended the connection."""
    upload = asyncio.create_task(_upload(exchange, connection), name="prack websocket")
    try:
        await send_body(exchange, connection)
    finally:
        upload.cancel()
        await asyncio.wait([upload])


async def _upload(exchange: Exchange, connection: Connection) -> None:
    end = False
    with suppress(ClientDisconnected):
        while not end:
            data, end = await exchange.receive_body()
            connection.write(data)
            await connection.writable()
    connection.end()
