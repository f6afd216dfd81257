"""The supervisor, seen from one of its processes; `child` has what is said between them."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import Successor, UpgradeFailed
from prack_grpc.processes.dealing import Dealt

log = logging.getLogger(__name__)

# How soon the supervisor knows how many workers have left.
REPORT_SECONDS = 0.25
MOST = 4096
ORPHAN = "the supervisor has ended"
Upgrade = Callable[[Callable[[], Awaitable[Successor]]], Awaitable[str]]


@dataclass(frozen=True)
class Parent:
    """What a process has from its supervisor.

    `number` counts from 1. `folder` is one that all processes of this gateway share, and nobody
    else enters. `rest` is where the connections of workers come from. `before` leads to the process
    that this one is to replace, if there is one.
    """

    number: int
    folder: Path
    channel: socket.socket
    rest: Dealt
    sockets: Sockets
    before: socket.socket | None = None
    _upgrades: set[asyncio.Task[None]] = field(default_factory=set)

    def predecessor(self) -> Predecessor | None:
        """The process that this one replaces, unless it has ended."""
        if self.before is None or not self.before.recv(1, socket.MSG_PEEK):
            return None
        return Predecessor(self.before)

    def ready(self) -> None:
        """Tell that this process serves."""
        self.say(ready=True)

    @asynccontextmanager
    async def heard(
        self, upgrade: Upgrade, stop: Callable[[str], None], connected: Callable[[], int]
    ) -> AsyncIterator[None]:
        """Inside, the supervisor has this process replaced, and is told how many are `connected`.

        `upgrade` takes what makes a successor. Asks to `stop` when the supervisor has ended.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(self.channel, self._hear, upgrade, stop)
        reporting = loop.create_task(self._report(connected), name="report")
        try:
            yield
        finally:
            loop.remove_reader(self.channel)
            tasks = [reporting, *self._upgrades]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, upgrade: Upgrade, stop: Callable[[str], None]) -> None:
        try:
            message, numbers, _, _ = socket.recv_fds(self.channel, MOST, 1)
        except ConnectionError:
            message = b""
        if not message:
            asyncio.get_running_loop().remove_reader(self.channel)
            stop(ORPHAN)
            return
        successor = Successor.adopted(socket.socket(fileno=numbers[0]), json.loads(message)["pid"])
        task = asyncio.get_running_loop().create_task(self._give_way(upgrade, successor))
        self._upgrades.add(task)
        task.add_done_callback(self._upgrades.discard)

    async def _give_way(self, upgrade: Upgrade, successor: Awaitable[Successor]) -> None:
        async def started() -> Successor:
            return await successor

        with suppress(UpgradeFailed):  # it is logged
            await upgrade(started)
            self.say(left=True)

    async def _report(self, connected: Callable[[], int]) -> None:
        told = 0, 0
        while True:
            now = connected(), self.rest.taken
            if now != told:
                self.say(held=now[0], taken=now[1])
                told = now
            await asyncio.sleep(REPORT_SECONDS)

    def say(self, **what: object) -> None:
        """Tell the supervisor; see `child`."""
        with suppress(OSError):  # it has ended: who listens will notice
            self.channel.send(json.dumps(what).encode())
