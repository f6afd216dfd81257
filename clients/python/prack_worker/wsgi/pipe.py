"""Carries a response from the thread that makes it to the event loop that sends it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from threading import Event

from prack_worker.errors import ClientDisconnected, ResponseRefused
from prack_worker.exchange import AbortCode, Exchange
from prack_worker.loops.mailbox import Mailbox

log = logging.getLogger("prack_worker")

Step = Callable[[Exchange], Awaitable[None]]
MAX_AHEAD = 128 * 1024  # bytes that a thread may be ahead of the event loop


class Pipe:
    """Steps of one response, done in order on the event loop.

    `put` and `done` belong to the thread, `forward` to the event loop; each counter is written
    by one side only.
    """

    def __init__(self, exchange: Exchange, mailbox: Mailbox) -> None:
        self._exchange = exchange
        self._mailbox = mailbox
        self._steps: deque[tuple[Step | None, int]] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._room: Event | None = None
        self._put = self._taken = 0
        self._broken = False

    def put(self, step: Step, size: int) -> None:
        """Have the event loop do `step`; waits while it is too many bytes behind.

        Raises:
            ClientDisconnected: nobody waits for the response any more.
        """
        while self._put - self._taken > MAX_AHEAD and not self._broken:
            self._wait_for_room()
        if self._broken:
            raise ClientDisconnected("no one waits for this response any more")
        self._put += size
        self._mailbox.post(self._arrive, step, size)

    def done(self) -> None:
        """The thread has returned."""
        self._mailbox.post(self._arrive, None, 0)

    async def forward(self) -> None:
        """Do the steps as they come, until the thread has returned."""
        while True:
            while not self._steps:
                self._arrived = asyncio.get_running_loop().create_future()
                await self._arrived
            step, size = self._steps.popleft()
            if step is None:
                return
            if not self._broken:
                await self._do(step)
            self._taken += size
            if self._room is not None:
                self._room.set()

    async def _do(self, step: Step) -> None:
        try:
            await step(self._exchange)
        except ClientDisconnected:
            self._broken = True
        except ResponseRefused as error:
            self._broken = True
            log.error("Request %s: %s", self._exchange.request.request_id, error)
            self._exchange.abort(AbortCode.HANDLER_ERROR, str(error))

    def _arrive(self, step: Step | None, size: int) -> None:
        self._steps.append((step, size))
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def _wait_for_room(self) -> None:
        if self._room is None:
            self._room = Event()
        self._room.clear()
        if self._put - self._taken > MAX_AHEAD and not self._broken:
            self._room.wait()
