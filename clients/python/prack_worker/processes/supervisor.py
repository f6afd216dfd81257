"""Keeps the processes of an application running. It loads and serves nothing itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from prack_wire import forks
from prack_worker.processes.child import Child, Children
from prack_worker.processes.seat import NotStarted, Seat
from prack_worker.settings.settings import Settings
from prack_worker.settings.values import MOST_PROCESSES

log = logging.getLogger("prack_worker")

END_SECONDS = 5.0  # for what a process does after the grace period
FAILED = 3
Order = Callable[[], Awaitable[None]]


class Supervisor:
    """Starts processes, and again those that end; replaces them one at a time; stops them all.

    What changes processes that serve is an order. Orders are carried out one after the other.

    Args:
        name: what the processes are called, with a number each.
        children: starts them.
    """

    def __init__(self, name: str, settings: Settings, children: Children) -> None:
        self._name = name
        self._wanted = settings.wanted
        self._grace = settings.grace + END_SECONDS
        self._children = children
        self._seats: dict[Seat, asyncio.Task[None]] = {}
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._stop: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT. Returns the exit status."""
        self._listen()
        seat = self._seat()
        first = await seat.start()
        waits: tuple[asyncio.Future[Any], ...] = (first.ready, self._stop)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if first.ready.done() and not first.ready.result() and not self._stop.done():
            return self._fail(first)
        tasks = []
        if not self._stop.done():
            one = f"1 process of {first.slots} slots serves"
            several = f"{self._wanted} processes of {first.slots} slots each serve"
            log.info("%s %s", several if self._wanted > 1 else one, self._name)
            self._keep(seat)
            for _ in range(1, self._wanted):
                await self._add()
            tasks.append(asyncio.create_task(self._obey(), name="orders"))
            await self._stop
        await self._end(tasks)
        return 0

    # ------------------------------------------------------------ signals

    def _listen(self) -> None:
        asked = {
            signal.SIGHUP: self._renew,
            signal.SIGTTIN: self._grow,
            signal.SIGTTOU: self._shrink,
        }
        loop = asyncio.get_running_loop()
        forks.disown((*forks.STOPPING, *asked, signal.SIGCHLD))
        for number in forks.STOPPING:
            loop.add_signal_handler(number, self._hear, number)
        for number, order in asked.items():
            loop.add_signal_handler(number, self._orders.put_nowait, order)

    def _hear(self, number: signal.Signals) -> None:
        """The first signal drains all, the second ends all at once."""
        if not self._stop.done():
            self._stop.set_result(number)
            return
        for child in self._children:
            child.signal(signal.SIGKILL)
        log.warning("Stopped at once; unfinished requests are lost")
        logging.shutdown()
        os._exit(128 + number)

    # ------------------------------------------------------------ orders

    async def _obey(self) -> None:
        while True:
            order = await self._orders.get()
            try:
                await order()
            except OSError as error:
                log.error("No process can be started: %s", error)

    async def _renew(self) -> None:
        """Replace all, one after the other."""
        for seat in list(self._seats):
            if not await self._replace(seat):
                log.error("The processes that are left go on as they are; SIGHUP tries again")
                return
        log.info("All processes were replaced")

    async def _grow(self) -> None:
        if len(self._seats) == MOST_PROCESSES:
            log.warning("SIGTTIN ignored: %d processes are the most", MOST_PROCESSES)
            return
        seat = await self._add()
        log.info("%s is one of %d processes", seat.name, len(self._seats))

    async def _shrink(self) -> None:
        if len(self._seats) == 1:
            log.warning("SIGTTOU ignored: one process is the least; SIGTERM stops it")
            return
        seat, keeping = self._seats.popitem()
        log.info("%s leaves, %d stay", seat.name, len(self._seats))
        keeping.cancel()
        await seat.leave(self._grace)

    def _spent(self, seat: Seat, child: Child, why: str) -> None:
        self._orders.put_nowait(partial(self._recycle, seat, child, why))

    async def _recycle(self, seat: Seat, child: Child, why: str) -> None:
        if seat in self._seats and seat.has(child):  # it has not been replaced since
            log.info("%s %s, and is replaced", seat.name, why)
            await self._replace(seat)

    async def _replace(self, seat: Seat) -> bool:
        """Whether it could be done."""
        try:
            await seat.replace(self._grace)
        except NotStarted as why:
            why.log(f"{seat.name} goes on, as what is to replace it does not start")
            return False
        return True

    # ------------------------------------------------------------ start and end

    def _seat(self) -> Seat:
        """A new one, with the lowest number that is free."""
        taken = {seat.name for seat in self._seats}
        names = (f"{self._name}-{number}" for number in range(1, len(taken) + 2))
        return Seat(next(name for name in names if name not in taken), self._children, self._spent)

    async def _add(self) -> Seat:
        """One more, which is kept from now on."""
        seat = self._seat()
        await seat.start()
        self._keep(seat)
        return seat

    def _keep(self, seat: Seat) -> None:
        self._seats[seat] = asyncio.create_task(seat.keep(), name=seat.name)

    def _fail(self, child: Child) -> int:
        """The first process does not start. If its application does, it has said itself why."""
        if not child.failure:
            return child.ended.result()
        NotStarted(child).log("The application does not start")
        return FAILED

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Have all finish what they hold."""
        number = self._stop.result()
        log.info("%s: stopping all processes", number.name)
        for task in (*self._seats.values(), *tasks):
            task.cancel()
        await asyncio.gather(*(child.stop(self._grace, number) for child in self._children))
        log.info("All processes have ended")
