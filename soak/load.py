"""An open loop: requests come when they come, whatever became of those before."""

import asyncio
import random
from collections.abc import Coroutine

from soak.clients import Clients
from soak.orders import Orders

PIPELINES = 0.02  # this part of the arrivals is several requests on one connection


class Load:
    """Poisson arrivals at `rate` a second, and bursts on top when a fault wants a queue."""

    def __init__(self, clients: Clients, seed: int, rate: float, group: asyncio.TaskGroup) -> None:
        self.clients = clients
        self._group = group
        self._orders = Orders(seed)
        self._rng = random.Random(seed)
        self._rate = rate
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """Requests that have not ended."""
        return len(self._tasks)

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._rng.expovariate(self._rate)
            await asyncio.sleep(due - loop.time())
            if self._rng.random() < PIPELINES:
                self._start(self.clients.pipeline(self._orders.pipeline()))
            else:
                self._start(self.clients.serve(self._orders.next()))

    def fill(self, count: int) -> None:
        """As many requests that take a while as there are fewer than so many under way."""
        for order in self._orders.burst(count - self.in_flight):
            self._start(self.clients.serve(order))

    async def flood(self, count: int) -> None:
        """So many small requests at once; returns when all have ended."""
        await asyncio.gather(*map(self.clients.serve, self._orders.flood(count)))

    async def settle(self) -> None:
        """Wait until every request has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
