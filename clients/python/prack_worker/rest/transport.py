"""Reaches a gateway over its REST worker API (docs/rest.md): polls, and delivers answers."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prack_wire.tls import Tls
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.rest.client import POLL_SECONDS, RestClient
from prack_worker.rest.exchange import RestExchange, to_request
from prack_worker.rest.leases import Leases
from prack_worker.transport import Accept, Ending, Identity

log = logging.getLogger("prack_worker")

Entry = dict[str, Any]
MAX_POLL = 32
CLOSE_SECONDS = 5.0
LEAVE_SECONDS = 0.5  # between two calls that end a poll


class RestTransport:
    """One gateway at `url`, "http://host:port". Create it on the event loop.

    Args:
        token: asked before each call, so that a token may be replaced while the worker runs; it may
            raise ConnectFailed.
        max_silence: seconds. The gateway gives a request to another worker after so much silence
            about it, and the worker gives up a gateway whose answer is late by so much; 0 is 20
            and 5.
        tls: how to speak TLS for https://; its files are read now.
    """

    counts_held = True

    def __init__(
        self,
        url: str,
        identity: Identity,
        token: Callable[[], str | None] = lambda: None,
        max_silence: float = 0.0,
        tls: Tls | None = None,
    ) -> None:
        if tls is None and url.startswith("https:"):
            tls = Tls()
        self.address = url
        self._client = RestClient(url, identity, token, max_silence, tls)
        self._leases = Leases(self._client)

    async def connect(
        self,
        accept: Accept,
        slots: int,
        *,
        websockets: bool = False,
        tunnels: bool = False,
        websocket_slots: int = 0,
    ) -> RestSession:
        """See `Transport.connect`; a poll that does not wait shows whether the gateway is there.

        No WebSockets come this way: an ASGI application holds one as long as it is open, and
        what REST workers may have are batches of events (docs/rest.md), each for any worker.
        """
        most = min(MAX_POLL, await self._leases.room(slots))
        first = await self._client.poll(most, wait=0)
        return RestSession(self._client, self._leases, accept, slots, first)

    async def close(self) -> None:
        """Deliver the answers that are on their way."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._leases.flush(), CLOSE_SECONDS)
        self._leases.close()
        await self._client.close()


class RestSession:
    """Polls while there are free slots, until a poll fails."""

    def __init__(
        self, client: RestClient, leases: Leases, accept: Accept, slots: int, first: list[Entry]
    ) -> None:
        self._client = client
        self._leases = leases
        self._accept = accept
        self._slots = slots
        self._numbers = itertools.count(1)
        self._draining = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._leaving: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()  # no poll is on its way
        self._idle.set()
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        self._begin(first)
        self._polling = asyncio.create_task(self._poll(), name="prack poll")

    def resize(self, slots: int, websocket_slots: int) -> None:
        """From the next poll on."""
        self._slots = slots

    def pause(self, paused: bool) -> None:
        """See Session.pause: a worker that does not poll gets nothing."""
        if not paused:
            self._resumed.set()
            if self._leaving is not None:
                self._leaving.cancel()
        elif self._resumed.is_set():
            self._resumed.clear()
            self._leaving = asyncio.create_task(self._leave(), name="prack leave")

    async def dismissed(self) -> None:
        await self.lost.wait()

    async def drain(self) -> None:
        """Wait for the poll that is parked: cutting it could lose what it is about to bring."""
        self._draining = True
        if self._idle.is_set():  # it waits for a free slot, or to be resumed
            self._polling.cancel()
        await self._leave()
        await asyncio.wait([self._polling])

    async def _leave(self) -> None:
        """End the poll that is parked; again and again, as a call may overtake the poll."""
        while not self._idle.is_set():
            with suppress(ConnectFailed):  # then it ends when its time is over
                await self._client.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self._idle.wait()

    async def close(self) -> None:
        """Stop polling."""
        tasks = [self._polling, *([self._leaving] if self._leaving else [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _poll(self) -> None:
        try:
            while not self._draining:
                most = min(MAX_POLL, await self._leases.room(self._slots))
                await self._resumed.wait()
                self._idle.clear()
                self._begin(await self._client.poll(most, POLL_SECONDS))
                self._idle.set()
        except ConnectFailed as error:
            self._lose(Ending(str(error), retry_after=error.retry_after))
        except GatewayRefused as error:
            self._lose(Ending(str(error), retry=False))
        finally:
            self._idle.set()

    def _lose(self, ending: Ending) -> None:
        self.ended.set_result(ending)
        self.lost.set()

    def _begin(self, entries: list[Entry]) -> None:
        now = asyncio.get_running_loop().time()
        for entry in entries:
            try:
                request, body = to_request(entry, next(self._numbers), now)
                exchange = RestExchange(entry["identifier"], request, body, self._leases)
            except (KeyError, TypeError, ValueError) as error:
                log.error(
                    "The gateway sent an invalid request (%r): is it of the same version?", error
                )
                continue
            self._leases.add(exchange)
            self._accept(exchange)
