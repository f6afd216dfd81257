"""A WebSocket whose frames are its worker's matter: after the 101 bytes pass as they are.

House rules: nothing is parsed; no more is read than somebody takes; a client that takes nothing of
what it is sent is reset; and when the worker ends, so does the connection.
"""

import asyncio
from typing import Protocol

from prack_grpc.gateway.http.closing import Closing
from prack_grpc.gateway.http.flow import Flow
from prack_grpc.turns import Turns


class Former(Protocol):
    """What the connection was before."""

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""

    def linger(self) -> None:
        """End the connection once the client has what is unsent."""


class Tunnel(asyncio.Protocol):
    """The connection after the 101, with what the client had sent before."""

    def __init__(
        self,
        transport: asyncio.Transport,
        client: str,
        closing: Closing,
        turns: Turns,
        former: Former,
        received: bytes,
    ) -> None:
        self._transport = transport
        self._closing = closing
        self._turns = turns
        self._former = former
        self._received = bytearray(received)
        self._news = asyncio.Event()
        self._flow = Flow(transport, client)
        self._said_all = False  # the client has
        self._over = False  # nobody takes what it still says

    async def receive(self) -> bytes:
        """What the client has sent; nothing once it has ended its direction."""
        while not (self._received or self._said_all):
            self._flow.resume_reading()
            self._news.clear()
            await self._news.wait()
        data = bytes(self._received)
        self._received.clear()
        return data

    async def send(self, data: bytes) -> None:
        """Send this; returns when the client has taken most of it, or has left."""
        if not self._transport.is_closing():
            self._transport.write(data)
        await self._flow.drain()

    def close(self) -> None:
        """End the connection: the client gets what was sent, and nobody hears it any more."""
        self._over = True
        if self._said_all or self._transport.is_closing():
            self._transport.close()
        else:
            self._flow.resume_reading()
            self._former.linger()

    # ------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._over:
            self._flow.hold(self._turns, _nothing)  # dropping takes its time, too
            return
        self._received += data
        self._flow.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """The other direction may go on, where there are two."""
        self._said_all = True
        self._news.set()
        return not self._over and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The former one tells who has to know."""
        self._flow.resume_writing()
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client has as long as it takes bytes."""
        self._flow.pause_writing()
        self._closing.watch()

    def resume_writing(self) -> None:
        self._flow.resume_writing()
        self._closing.unwatch()


def _nothing() -> None:
    """What is dropped is done with."""
