"""Stays connected to NATS."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator

import nats.errors

from prack_grpc.bus.nats.connection import Connection, unless_cancelled
from prack_grpc.bus.nats.servers import Servers
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# Between two attempts, at random: all gateways come back at the same time.
AGAIN_SECONDS = (0.1, 0.4)


class Bus:
    """Makes a new connection whenever the last one is over.

    Whoever uses it lives from one connection to the next: see `clients`.

    Attributes:
        server: host and port of the server that is used now; empty if there is none.
        trouble: why there is none, for people.
    """

    def __init__(self, servers: Servers, name: str) -> None:
        self.server = ""
        self.trouble = "not connected yet"
        self._servers = servers
        self._name = name
        self._client: Connection | None = None
        self._changed = asyncio.Condition()
        away = "NATS cannot be used; what needs no other gateway goes on"
        self._away = Complaint(log, "nats_away", away)
        refused = "NATS refuses something to the user of this gateway; give it the permission"
        self._refused = Complaint(log, "nats_refused", refused)

    async def run(self) -> None:
        """Until cancelled."""
        # Gateways spread over the servers; the one that failed is tried last.
        urls = random.sample(self._servers.urls, len(self._servers.urls))
        while True:
            unless_cancelled()
            try:
                await self._use_one(urls)
            except (OSError, ValueError, nats.errors.Error, TimeoutError) as error:
                self._lost(str(error) or type(error).__name__)
            urls = urls[1:] + urls[:1]
            await asyncio.sleep(random.uniform(*AGAIN_SECONDS))  # noqa: S311 - not a secret

    async def _use_one(self, urls: list[str]) -> None:
        """Until the connection is over."""
        options = self._servers.options()
        client = Connection(lambda reason: self._refused.make(reason=reason))
        try:
            await client.open(urls, self._name, options)
            url = client.connected_url
            self.server, self.trouble = url.netloc if url else "", ""
            log.info("connected to NATS on %s", self.server, extra={"action": "nats_connected"})
            async with self._changed:
                self._client = client
                self._changed.notify_all()
            await client.over.wait()
            self._lost(client.trouble)
        finally:
            self._client = None
            await client.close()

    async def clients(self) -> AsyncIterator[Connection]:
        """Each connection, from the one of now on. Those that were short may be left out."""
        last = None
        while True:
            unless_cancelled()
            last = await self._other(last)
            yield last

    async def _other(self, last: Connection | None) -> Connection:
        async with self._changed:
            while self._client is None or self._client is last:
                await self._changed.wait()
            return self._client

    def _lost(self, reason: str) -> None:
        self.server, self.trouble = "", reason
        self._away.make(reason=reason)
