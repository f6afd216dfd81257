"""Whether the application can be reached, and the wait until it can."""

from __future__ import annotations

import asyncio
import logging

from prack_worker.errors import ApplicationAway, ApplicationFailed
from prack_worker.proxy.upstream import Upstream

log = logging.getLogger("prack_worker")

PROBE_SECONDS = 0.1  # between two looks
ANSWER_SECONDS = 5.0  # for the answer to one
PATIENCE_SECONDS = 10.0  # before a line in the log says what is waited for


class Presence:
    """Looks whether the application is ready, while it is not; never while it is.

    Args:
        upstream: the application.
        path: what it answers with 2xx or 3xx once it is ready; "": that it listens is enough.

    Attributes:
        here: set while it is ready.
        away: set while it is not.
    """

    def __init__(self, upstream: Upstream, path: str) -> None:
        self._upstream = upstream
        self._path = path
        self.here = asyncio.Event()
        self.away = asyncio.Event()
        self.away.set()

    def lose(self) -> None:
        """It cannot be reached."""
        self.here.clear()
        self.away.set()

    async def watch(self) -> None:
        """Look for it whenever it is away; does not return."""
        while True:
            await self.away.wait()
            await self._find()
            self.away.clear()
            self.here.set()

    async def _find(self) -> None:
        loop = asyncio.get_running_loop()
        late = loop.call_later(PATIENCE_SECONDS, self._complain)
        try:
            while not await self._is_ready():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(PROBE_SECONDS)
        finally:
            late.cancel()

    def _complain(self) -> None:
        what = f"answers GET {self._path} with 2xx or 3xx" if self._path else "listens"
        log.warning("Still waiting until the application %s at %s", what, self._upstream.address)

    async def _is_ready(self) -> bool:
        try:
            connection = await self._upstream.dial()
        except ApplicationAway:
            return False
        try:
            if not self._path:
                return True
            host = self._upstream.address.authority()
            connection.request(
                "GET",
                b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n"
                % (self._path.encode(), host),
            )
            async with asyncio.timeout(ANSWER_SECONDS):
                status = 0
                while status < 200:
                    status, _ = await connection.head()
            return status < 400
        except (ApplicationFailed, TimeoutError):
            return False
        finally:
            connection.close()
