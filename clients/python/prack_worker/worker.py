"""A worker's life: connect, serve, drain, close; and connect again when the gateway went away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Protocol

from prack_worker.backoff import Backoff
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.exchange import AbortCode, Exchange
from prack_worker.transport import Ending, Session, Transport

log = logging.getLogger("prack_worker")

UNWIND_SECONDS = 1.0  # for a handler to unwind once it was interrupted
HEALTHY_SECONDS = 30.0


class Application(Protocol):
    """What answers the exchanges.

    Attributes:
        interruptible: `handle` may be cancelled when it goes on after its exchange was cancelled.

    One that takes WebSockets, too (`Request.websocket`), has an attribute `websockets`, True.
    """

    interruptible: bool

    def running(self) -> AbstractAsyncContextManager[None]:
        """Entered once before the first request, left after the last one."""

    async def handle(self, exchange: Exchange) -> None:
        """Answer one exchange. What it leaves open is aborted by the worker."""


class Worker:
    """Runs one application behind one gateway, over any transport.

    Args:
        app: what answers the exchanges.
        transport: the way to the gateway.
        slots: exchanges to hold at a time, at least 1.
        grace: seconds that a drain waits for the exchanges that are held.
        patience: seconds between a cancel and the interruption of a handler that goes on.
    """

    def __init__(
        self,
        app: Application,
        transport: Transport,
        *,
        slots: int,
        grace: float = 30.0,
        patience: float = 5.0,
    ) -> None:
        self._app = app
        self._transport = transport
        self._slots = slots
        self._grace = grace
        self._patience = patience
        self._held: dict[Exchange, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = asyncio.Event()
        self._backoff = Backoff()
        self._delay = 0.0
        self._trouble = ""

    async def run(self) -> None:
        """Serve until `drain` was called and everything that is held was answered.

        Raises:
            GatewayRefused: the gateway says that dialling again will fail again.
            LifespanFailed: the application refused to start.
        """
        async with self._app.running():
            try:
                while not self.draining:
                    await self._connect_and_serve()
                    await _first(asyncio.sleep(self._delay), self._draining.wait())
            finally:
                await self._transport.close()

    def drain(self) -> None:
        """Take no more requests, finish those that are held, then let `run` return."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    async def _connect_and_serve(self) -> None:
        """One session. A drain does not cut the dialling: the gateway may have assigned already."""
        try:
            session = await self._transport.connect(
                self._accept,
                self._free_slots(),
                websockets=getattr(self._app, "websockets", False),
            )
        except ConnectFailed as error:
            self._delay = self._backoff.next()
            self._report(str(error))
        else:
            await self._serve(session)

    def _report(self, trouble: str) -> None:
        """One line for each change, not for each attempt."""
        if trouble != self._trouble:
            self._trouble = trouble
            where = self._transport.address
            log.warning("No gateway at %s: %s; trying again until there is", where, trouble)

    async def _serve(self, session: Session) -> None:
        self._trouble = ""
        log.info("Connected to %s", self._transport.address)
        since = asyncio.get_running_loop().time()
        returning = asyncio.create_task(self._return_slots(session), name="prack slots")
        try:
            await _first(self._until_ended(session), self._draining.wait())
            if self.draining:
                await self._drain(session)
        finally:
            returning.cancel()
            await session.close()
        if asyncio.get_running_loop().time() - since >= HEALTHY_SECONDS:
            self._backoff.reset()
        if not self.draining:
            self._follow(session.ended.result())

    async def _until_ended(self, session: Session) -> None:
        """Wait for the session's end; an orderly one waits for what is held, too."""
        ending = await asyncio.shield(session.ended)
        if not ending.lost:
            log.info("%s; finishing what is held, then dialling again", ending.message)
            await _first(self._idle.wait(), session.lost.wait())

    def _follow(self, ending: Ending) -> None:
        """What comes after a session that ended by itself."""
        if not ending.retry:
            raise GatewayRefused(ending.message)
        if ending.lost:
            log.warning("Lost the gateway: %s; dialling again", ending.message)
        self._delay = ending.retry_after or self._backoff.next()

    async def _drain(self, session: Session) -> None:
        log.info("Stopping: requests to finish: %d, within %g s", len(self._held), self._grace)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await session.drain()
                for exchange in list(self._held):
                    exchange.drain()
                await _first(self._idle.wait(), session.lost.wait())
        if self._held:
            await self._give_up()

    async def _give_up(self) -> None:
        """The grace is over: end what is left, also where its handler goes on."""
        log.warning("Requests that were not finished: %d", len(self._held))
        for exchange in list(self._held):
            exchange.abort(AbortCode.HANDLER_ERROR, "the worker stopped before its answer")
        if self._app.interruptible:
            for task in self._held.values():
                task.cancel()
            await asyncio.wait(self._held.values(), timeout=UNWIND_SECONDS)

    def _accept(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._run(exchange))
        self._held[exchange] = task
        self._idle.clear()
        if self._app.interruptible:
            exchange.on_cancel = partial(loop.call_later, self._patience, task.cancel)

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._app.handle(exchange)
        except Exception as error:
            level = logging.DEBUG if exchange.cancelled is not None else logging.ERROR
            log.log(level, "Request %s failed", exchange.request.request_id, exc_info=error)
        finally:
            self._settle(exchange)

    def _settle(self, exchange: Exchange) -> None:
        if not exchange.ended:
            code = AbortCode.HANDLER_ERROR if exchange.cancelled is None else AbortCode.CANCELLED
            exchange.abort(code, "the application left its response incomplete")
        del self._held[exchange]
        if not self._held:
            self._idle.set()

    def _leftovers(self) -> list[asyncio.Task[None]]:
        """Handlers that go on although their session is gone; a thread cannot be interrupted."""
        return [task for exchange, task in self._held.items() if exchange.cancelled is not None]

    def _free_slots(self) -> int:
        return max(1, self._slots - len(self._leftovers()))

    async def _return_slots(self, session: Session) -> None:
        """Offer the slots of leftovers once they have ended."""
        leftovers = set(self._leftovers())
        while leftovers:
            _, leftovers = await asyncio.wait(leftovers, return_when=asyncio.FIRST_COMPLETED)
            session.resize(max(1, self._slots - len(leftovers)))


async def _first(*waits: Coroutine[object, object, object]) -> None:
    """Wait for the first of several, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
