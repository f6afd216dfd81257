"""The place of one process, which stays when the process ends."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from prack_grpc.processes.child import Child, Serve, fork
from prack_grpc.processes.ports import Ports
from prack_wire.restarts import Restarts

log = logging.getLogger(__name__)


class NotStarted(Exception):
    """A process has ended before it served; `status` is what it ended with."""

    def __init__(self, number: int, status: int) -> None:
        super().__init__(f"process {number} does not start, it ends with {status}")
        self.status = status


class Seat:
    """Who serves as process `number`: `child`, if there is one now.

    `leaving` are those that others have replaced, and that finish what they hold.
    """

    def __init__(self, number: int, folder: Path, ports: Ports, serve: Serve) -> None:
        self.number = number
        self.child: Child | None = None
        self.leaving: set[Child] = set()
        self._folder, self._ports, self._serve = folder, ports, serve
        self._restarts = Restarts()
        self._is_due = False

    @property
    def is_awaited(self) -> bool:
        """Whether there is no process, and there will be one in a moment."""
        return self._is_due and self.child is None

    @property
    def children(self) -> Iterator[Child]:
        """All that have not ended."""
        if self.child:
            yield self.child
        yield from self.leaving

    async def start(self, before: socket.socket | None = None) -> None:
        """Have a process serve, instead of the one that `before` leads to.

        Raises NotStarted, OSError.
        """
        self._ports.open(self.number)
        address = self._ports.rest.getsockname()[:2]
        sockets = partial(self._ports.of, self.number)
        self.child = child = await fork(
            self.number, self._folder, address, sockets, before, self._serve
        )
        if not await asyncio.shield(child.ready):
            self.child = None
            raise NotStarted(self.number, child.ended.result())
        self._ports.listen(self.number)

    async def keep(self) -> None:
        """See to it that a process serves, until cancelled."""
        while True:
            served = await self._over(self.child) if self.child else 0.0
            if wait := self._restarts.wait(served):
                self._ports.close(self.number)
                await asyncio.sleep(wait)
            self._is_due = True
            try:
                await self.start()
            except (NotStarted, OSError) as error:
                log.error("%s", error, extra={"action": "process_not_started"})
            finally:
                self._is_due = False

    async def _over(self, child: Child) -> float:
        """How long it was there, once it has ended."""
        status = await asyncio.shield(child.ended)
        about = {"number": self.number, "pid": child.pid, "status": status}
        log.warning(
            "a process has ended, and is started again; its clients have lost their connections",
            extra={"action": "process_ended", **about},
        )
        self.child = None
        return child.age

    def give_up(self) -> None:
        """Another process was to serve instead of the one that left, and does not."""
        if self.child and self.child.left.is_set():
            self.leaving.add(self.child)
            self.child.ended.add_done_callback(partial(self._gone, self.child))
            self.child = None

    def _gone(self, child: Child, _: "asyncio.Future[int]") -> None:
        self.leaving.discard(child)
