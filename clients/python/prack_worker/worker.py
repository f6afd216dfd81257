"""Runs an application: connects, serves, drains, closes; reconnects when the gateway is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from prack_worker.backoff import Backoff
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.exchange import AbortCode, Exchange
from prack_worker.failures import is_interruption, log_failure
from prack_worker.logs.request_id import current
from prack_worker.transport import Ending, Session, Transport

log = logging.getLogger("prack_worker")

UNWIND_SECONDS = 0.5  # for a handler to unwind once it was interrupted
HEALTHY_SECONDS = 30.0


class Application(Protocol):
    """What answers the exchanges.

    Attributes:
        interruptible: `handle` may be cancelled when it goes on after its exchange was cancelled,
            and takes no slot when it goes on after its exchange has ended.

    One that takes WebSockets, too (`Request.websocket`), has an attribute `websockets`, True; one
    that takes them as bytes (`Request.tunnel`), `tunnels`.
    """

    interruptible: bool

    def running(self) -> AbstractAsyncContextManager[None]:
        """Entered once before the first request, left after the last one."""

    async def handle(self, exchange: Exchange) -> None:
        """Answer one exchange. The worker aborts one that is left without an answer."""


class Holding:
    """The unfinished exchanges of one session; `over` once it will bring no more."""

    def __init__(self, free: Callable[[Holding, Exchange], object]) -> None:
        self.free = partial(free, self)  # called with each that needs no slot any more
        self.loop = asyncio.get_running_loop()  # asking for it costs a system call (CPython 3.11)
        self.tasks: dict[Exchange, asyncio.Task[None]] = {}
        self.over = False


class Worker:
    """Runs one application behind one gateway, over any transport.

    When a gateway stops, the worker dials again, for there may be a successor, and stays for what
    the old session still brings. The new session gets the slots that the old one does not take;
    where both bring requests for one slot, one of them waits.

    `run` is its life. Or have it run beside other work: `async with Worker(...):`.

    Args:
        app: what answers the exchanges.
        transport: the way to the gateway.
        slots: exchanges to hold at a time, at least 1.
        websocket_slots: WebSockets to hold beside them; 0: they take the same slots.
        grace: seconds that a drain waits for the exchanges that are held.
        patience: seconds between a cancel and the interruption of a handler that goes on.
        welcomed: called when a gateway has taken this worker in, each time.
        settled: called when an exchange is over, however it ended.
    """

    def __init__(
        self,
        app: Application,
        transport: Transport,
        *,
        slots: int,
        websocket_slots: int = 0,
        grace: float = 30.0,
        patience: float = 5.0,
        welcomed: Callable[[], object] = lambda: None,
        settled: Callable[[], object] = lambda: None,
    ) -> None:
        self._app = app
        self._transport = transport
        self._leave: Callable[[], object] = getattr(transport, "leave", lambda: None)
        self._slots = slots
        self._websockets: bool = getattr(app, "websockets", False)
        self._tunnels: bool = getattr(app, "tunnels", False)
        self._websocket_slots = websocket_slots if self._websockets or self._tunnels else 0
        self._grace = grace
        self._patience = patience
        self._welcomed = welcomed
        self._settled = settled
        self._holdings: list[Holding] = []  # the newest session's is the last
        self._session: Session | None = None  # the newest, while it is of use for new requests
        self._offered = self._slots, self._websocket_slots
        self._staying: dict[asyncio.Task[None], Session] = {}
        self._changed = asyncio.Event()
        # Those in slots, by `_apart`; more may be held while sessions overlap.
        self._running: tuple[set[Exchange], set[Exchange]] = set(), set()
        self._draining = asyncio.Event()
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._backoff = Backoff()
        self._delay = 0.0
        self._trouble = ""
        self._connected = asyncio.Event()
        self._life: asyncio.Task[None] | None = None  # between `async with` and its end

    async def __aenter__(self) -> Self:
        """Run in a task of this loop; returns once a gateway has welcomed the worker.

        That may take until one is there: `asyncio.timeout` sets a limit. Raises as `run`.
        """
        self._life = asyncio.create_task(self.run(), name="prack worker")
        try:
            await first(_done(self._life), self._connected.wait())
        except BaseException:
            self._life.cancel()
            await asyncio.wait([self._life])
            raise
        if self._life.done():
            self._life.result()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drain; raises as `run`."""
        self.drain()
        if self._life is not None:
            await self._life

    async def run(self) -> None:
        """Serve until `drain` was called and every held request was answered.

        Raises:
            GatewayRefused: the gateway says that dialling again will fail again.
            LifespanFailed: the application refused to start.
        """
        async with self._app.running():
            try:
                while not self.draining:
                    await self._connect_and_serve()
                    await first(self._hold_off(), self._draining.wait())
                await self._finish()
            finally:
                for task in self._staying:
                    task.cancel()
                await asyncio.gather(*self._staying, return_exceptions=True)
                await self._transport.close()

    def drain(self) -> None:
        """Take no more requests, finish those that are held, then let `run` return."""
        self._draining.set()
        self._leave()

    def pause(self) -> None:
        """Take no more requests until `resume`; those that are on their way still come.

        Meanwhile the worker dials no gateway: it stays with those that it has.
        """
        self._resumed.clear()
        for session in self._staying.values():
            session.pause(True)

    def resume(self) -> None:
        """Take requests again."""
        self._resumed.set()
        for session in self._staying.values():
            session.pause(False)

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    def held(self) -> list[str]:
        """The unfinished requests, as text for the log. Callable from any thread."""
        requests = [exchange.request for exchange in self._held()]
        return [
            f"{one.method} {one.split_target()[0].decode('latin-1')} ({one.request_id})"
            for one in requests
        ]

    async def _connect_and_serve(self) -> None:
        """Run one session. A drain does not cut off the dial: requests may be assigned already."""
        holding = Holding(self._free_slot)
        needed = [one for one in self._holdings if one.tasks or not one.over]
        self._holdings = [*needed, holding]
        self._offered = self._free_slots()
        try:
            session = await self._transport.connect(
                partial(self._accept, holding),
                self._offered[0],
                websockets=self._websockets,
                tunnels=self._tunnels,
                websocket_slots=self._offered[1],
            )
        except ConnectFailed as error:
            holding.over = True
            self._delay = error.retry_after + self._backoff.next()
            self._report(str(error))
        else:
            await self._serve(session, holding)

    def _report(self, trouble: str) -> None:
        """Log a line when the reason changes, not for each attempt."""
        if trouble != self._trouble and not self.draining:
            self._trouble = trouble
            where = self._transport.address
            log.warning("No gateway at %s: %s; retrying until it answers", where, trouble)

    async def _serve(self, session: Session, holding: Holding) -> None:
        """Return when the session takes no new requests; a task of its own finishes the rest."""
        self._trouble = ""
        self._connected.set()
        self._welcomed()
        log.info("Connected to %s", self._transport.address)
        since = asyncio.get_running_loop().time()
        staying = asyncio.create_task(self._stay(session, holding), name="prack session")
        self._staying[staying] = session
        staying.add_done_callback(self._left)
        if not self._resumed.is_set():
            session.pause(True)
        self._session = session
        self._share()
        await first(_done(session.ended), self._draining.wait())
        self._session = None
        if asyncio.get_running_loop().time() - since >= HEALTHY_SECONDS:
            self._backoff.reset()
        if not self.draining:
            self._follow(session.ended.result())

    async def _stay(self, session: Session, holding: Holding) -> None:
        """Return when the last request of the session was answered, or the session is lost."""
        try:
            await first(self._see_off(session, holding), session.lost.wait())
        finally:
            holding.over = True
            await session.close()

    def _left(self, staying: asyncio.Task[None]) -> None:
        del self._staying[staying]
        self._changed.set()

    async def _see_off(self, session: Session, holding: Holding) -> None:
        await first(session.dismissed(), self._draining.wait())
        if self.draining:
            await session.drain()
            for exchange in list(holding.tasks):
                exchange.drain()
        while holding.tasks:
            await asyncio.wait(holding.tasks.values())

    def _follow(self, ending: Ending) -> None:
        """Decide when to reconnect after a session that the gateway ended."""
        if not ending.retry:
            raise GatewayRefused(ending.message)
        if ending.lost:
            log.warning("Lost the gateway: %s; reconnecting", ending.message)
        else:
            log.info("%s; finishing the requests in progress, and reconnecting", ending.message)
        self._delay = ending.retry_after + self._backoff.next()

    async def _finish(self) -> None:
        log.info(
            "Stopping: %d requests in progress, waiting up to %g s (--grace)",
            len(self._held()),
            self._grace,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                while waits := {*self._staying, *self._held().values()}:
                    await asyncio.wait(waits)
        if self._held():
            await self._give_up()

    async def _give_up(self) -> None:
        """The grace period is over: abort what is left, even if its handler goes on."""
        held = self._held()
        log.warning(
            "Unfinished at the end of --grace: %d requests: %s", len(held), "; ".join(self.held())
        )
        for exchange in held:
            exchange.abort(AbortCode.HANDLER_ERROR, "the worker stopped before it answered")
        if self._app.interruptible:
            for task in held.values():
                task.cancel()
            await asyncio.wait(held.values(), timeout=UNWIND_SECONDS)

    def _accept(self, holding: Holding, exchange: Exchange) -> None:
        task = holding.loop.create_task(self._run(holding, exchange))
        holding.tasks[exchange] = task
        if self._app.interruptible:
            exchange.on_cancel = partial(self._interrupt, task)
            exchange.on_end = holding.free
        self._share(holding)

    def _interrupt(self, task: asyncio.Task[None]) -> None:
        """Cancel a handler that goes on for `patience` seconds after its exchange was cancelled."""
        asyncio.get_running_loop().call_later(self._patience, task.cancel)

    async def _run(self, holding: Holding, exchange: Exchange) -> None:
        current.set(exchange.request)
        try:
            while self._full(exchange):
                await self._change()
            self._running[self._apart(exchange)].add(exchange)
            if exchange.cancelled is None:
                await self._app.handle(exchange)
        except BaseException as error:
            if is_interruption(error):
                raise
            log_failure(exchange, error)
        finally:
            self._settle(holding, exchange)

    def _apart(self, exchange: Exchange) -> bool:
        """It takes one of the slots that only WebSockets have."""
        return self._websocket_slots > 0 and exchange.request.websocket

    def _full(self, exchange: Exchange) -> bool:
        apart = self._apart(exchange)
        return len(self._running[apart]) >= (self._websocket_slots if apart else self._slots)

    def _free_slot(self, holding: Holding, exchange: Exchange) -> None:
        self._running[self._apart(exchange)].discard(exchange)
        self._changed.set()
        self._share(holding)

    def _settle(self, holding: Holding, exchange: Exchange) -> None:
        if not exchange.ended:
            code = AbortCode.HANDLER_ERROR if exchange.cancelled is None else AbortCode.CANCELLED
            exchange.abort(code, "the application returned before its response was complete")
        del holding.tasks[exchange]
        if not self._app.interruptible:
            holding.free(exchange)
        self._settled()

    def _held(self) -> dict[Exchange, asyncio.Task[None]]:
        """The exchanges of all sessions."""
        return {key: task for one in self._holdings for key, task in one.tasks.items()}

    async def _hold_off(self) -> None:
        """Wait before another attempt, and until old sessions leave a free slot."""
        await asyncio.sleep(self._delay)
        await self._resumed.wait()
        while self._staying and self._taken(self._holdings)[0] >= self._slots:
            await self._change()

    async def _change(self) -> None:
        """Wait until an exchange or a session has ended."""
        self._changed.clear()
        await self._changed.wait()

    def _free_slots(self) -> tuple[int, int]:
        """The slots that older sessions do not use. Handlers of lost sessions still use theirs."""
        if self._transport.counts_held:
            return self._slots, self._websocket_slots
        taken, apart = self._taken(self._holdings[:-1])
        sockets = max(1, self._websocket_slots - apart) if self._websocket_slots else 0
        return max(1, self._slots - taken), sockets

    def _taken(self, holdings: list[Holding]) -> tuple[int, int]:
        """How many slots are in use, and how many of those that only WebSockets have."""
        goes_on = self._app.interruptible  # without a slot, after the end of its exchange
        used = [one for each in holdings for one in each.tasks if not (goes_on and one.ended)]
        apart = sum(map(self._apart, used))
        return len(used) - apart, apart

    def _share(self, changed: Holding | None = None) -> None:
        """Tell the newest session how many slots it has; its own exchanges do not change that."""
        if changed is self._holdings[-1]:
            return
        free = self._free_slots()
        if self._session is not None and free != self._offered:
            self._offered = free
            self._session.resize(*free)


async def _done(future: asyncio.Future[Any]) -> None:
    await asyncio.wait([future])


async def first(*waits: Coroutine[object, object, object]) -> None:
    """Wait for the first of several, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
