"""An upgrade as those who start it see it: it succeeds, or all goes on as before."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable

from prack_grpc.handover import systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.successor import Successor, UpgradeFailed

log = logging.getLogger(__name__)


class Upgrades:
    """One upgrade at a time. `successor` is there once it has taken over."""

    def __init__(self, predecessor: Predecessor | None) -> None:
        """The first one waits until the `predecessor` has ended."""
        self.successor: Successor | None = None
        self._predecessor = predecessor
        self._upgrading = asyncio.Lock()

    async def run(
        self, replace: Callable[[], Awaitable[Successor]], stop: Callable[[str], None]
    ) -> str:
        """Have `replace` make a successor that serves, then `stop`; says so.

        Raises UpgradeFailed: then nothing has changed.
        """
        if self._upgrading.locked():
            raise UpgradeFailed("another upgrade is in progress; try again when it is done")
        async with self._upgrading:
            if self._predecessor:
                await self._predecessor.gone.wait()
            systemd.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                self.successor = await replace()
            except (UpgradeFailed, OSError) as error:  # such as no more descriptors
                systemd.notify("READY=1")
                log.warning(
                    "upgrade failed, this gateway continues: %s",
                    error,
                    extra={"action": "upgrade_failed"},
                )
                raise UpgradeFailed(str(error)) from error
            pid = self.successor.pid
            systemd.notify(f"MAINPID={pid}", "READY=1")
            log.info("upgraded", extra={"action": "upgraded", "pid": pid})
            stop(f"process {pid} has taken over")
            return f"process {pid} has taken over; process {os.getpid()} finishes what it holds"
