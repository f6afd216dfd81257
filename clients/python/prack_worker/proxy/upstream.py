"""The connections to the application."""

from __future__ import annotations

import asyncio
from collections import deque

from prack_worker.errors import ApplicationAway
from prack_worker.proxy.address import Address
from prack_worker.proxy.connection import Connection

DIAL_SECONDS = 5.0


class Upstream:
    """The connections to the application, of which those without a request are kept for a while.

    Each exchange has one, so there are never more than the worker has slots.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._host = address.host  # once one of its addresses has answered, that one
        self._idle: deque[Connection] = deque()

    async def dial(self) -> Connection:
        """A new connection. Raises ApplicationAway."""
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                return await self._dial()
        except (OSError, UnicodeError) as error:  # no name of a host is like this
            self._host = self.address.host
            why = str(error) or f"not in {DIAL_SECONDS:g} s"
            raise ApplicationAway(f"{self.address} takes no connection: {why}") from None

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        if self.address.path:
            return (await loop.create_unix_connection(Connection, self.address.path))[1]
        transport, connection = await loop.create_connection(
            Connection, self._host, self.address.port
        )
        if peer := transport.get_extra_info("peername"):  # it may have gone again
            self._host = peer[0]  # no lookup for each
        return connection

    def idle(self) -> Connection | None:
        """A connection that has been used before, the newest one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.take():
                return connection
        return None

    def keep(self, connection: Connection) -> None:
        """Take back what an exchange needs no more: for another one, if it can be used again."""
        if connection.rest():
            self._idle.append(connection)
            while self._idle and self._idle[0].lost:
                self._idle.popleft()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
