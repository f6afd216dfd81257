"""An upgrade: this gateway has a successor take over."""

import asyncio
import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from prack_grpc import state
from prack_grpc.composition.parts import Parts
from prack_grpc.composition.running import Running
from prack_grpc.handover import systemd
from prack_grpc.handover.successor import Successor, UpgradeFailed
from prack_grpc.listener import (
    AddressInUse,
    bind,
    free,
)
from prack_grpc.signals import Stop

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)


class Upgrade:
    """Replaces the gateway of these parts; `successor` is there once it has taken over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.successor: Successor | None = None
        self._upgrading = asyncio.Lock()

    def leave_workers(self, running: Running, successor: Successor) -> None:
        """Have REST workers call the successor, which passes on what is for us."""
        relayed = partial(running.rest.adopt, app=running.workers.relayed)
        successor.lend(relayed, running.sharing.leave)
        running.rest.leave(True)
        running.admin.leave()
        running.workers.polls.hurry()

    async def upgrade(self, running: Running, stop: Stop) -> str:
        """Have a successor take over; says so. Raises UpgradeFailed: then nothing has changed."""
        if self._upgrading.locked():
            raise UpgradeFailed("another upgrade is in progress; try again when it is done")
        async with self._upgrading, self._parts.certification.ordering:
            if self._parts.predecessor:
                await self._parts.predecessor.gone.wait()
            systemd.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                self.successor = await self._replace(running)
            except UpgradeFailed as error:
                systemd.notify("READY=1")
                log.warning(
                    "upgrade failed, this gateway continues: %s",
                    error,
                    extra={"action": "upgrade_failed"},
                )
                raise
            pid = self.successor.pid
            systemd.notify(f"MAINPID={pid}", "READY=1")
            log.info("upgraded", extra={"action": "upgraded", "pid": pid})
            stop(f"process {pid} has taken over")
            return f"process {pid} has taken over; process {os.getpid()} finishes what it holds"

    async def _replace(self, running: Running) -> Successor:
        successor = await Successor.start(self._parts.sockets, running.grpc_port)
        running.stream.release()
        try:
            await successor.take_over(state.dump(running.broker))
        except UpgradeFailed as failed:
            host = self._parts.settings.grpc_host
            try:
                if running.grpc_port:
                    bind(running.stream, host, await free(host, running.grpc_port))
            except AddressInUse as error:
                raise UpgradeFailed(
                    f"{failed}; the gRPC port is closed until a restart: {error}"
                ) from None
            await running.stream.start()
            raise
        return successor
