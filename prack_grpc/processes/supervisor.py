"""Keeps the processes of a gateway running. It serves nobody itself."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from prack_grpc.handover import control, systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import Successor, UpgradeFailed
from prack_grpc.handover.upgrade import Upgrades
from prack_grpc.processes.child import Child, Serve
from prack_grpc.processes.dealing import Dealer
from prack_grpc.processes.ports import Ports
from prack_grpc.processes.seat import NotStarted, Seat
from prack_grpc.settings.loading import SettingsError
from prack_grpc.settings.settings import Settings
from prack_grpc.signals import stop_signal

log = logging.getLogger(__name__)

# For what a process does after the grace period; and until one that is replaced has heard of it.
END_SECONDS, LEAVE_SECONDS = 10.0, 10.0
BEFORE = "before.{}"


class Supervisor:
    """Starts the processes one after the other, and again when one has ended; stops them all.

    `serve` is what each process does. They have `sockets`, and replace those of a `predecessor`.
    """

    def __init__(
        self,
        settings: Settings,
        serve: Callable[[Settings], Serve],
        sockets: Sockets,
        predecessor: Predecessor | None,
    ) -> None:
        """Raises AddressInUse."""
        self._ports = ports = Ports(settings, sockets)
        self._settings = ports.settings
        self._serve = serve(self._settings)
        self._predecessor = predecessor
        self._upgrades = Upgrades(predecessor)
        self._dealer = Dealer(ports.rest, self.players)
        self.seats: list[Seat] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._folder = Path()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT, or until a successor does. Returns the exit status."""
        stop = stop_signal([partial(self._tell, signal.SIGHUP)], self._insist)
        told = await self._predecessor.released() if self._predecessor else {}
        self._folder = Path(told.get("folder") or _new_folder())
        numbers = range(1, self._settings.processes + 1)
        self.seats = [Seat(n, self._folder, self._ports, self._serve) for n in numbers]
        try:
            for seat in self.seats:
                await seat.start(self._ports.sockets.given.get(BEFORE.format(seat.number)))
                if self._predecessor:
                    self._dealer.start()  # the workers of the process before come now
        except NotStarted as failed:
            return await self._fail(failed.status)
        self._keep()
        port = self._ports.rest.getsockname()[1]
        sock = control.take(self._ports.sockets, self._settings.api_host, port)
        upgrade = partial(self._upgrades.run, self._replace, stop)
        async with control.serving(sock, upgrade):
            if self._predecessor:
                await self._predecessor.relieve()
            else:
                systemd.notify("READY=1")
            log.info("%d processes serve", len(numbers), extra={"action": "processes"})
            why = await stop.wait()
        await self._stop(signal.Signals.__members__.get(why, signal.SIGTERM))
        return 0

    @property
    def _children(self) -> Iterator[Child]:
        return (child for seat in self.seats for child in seat.children)

    def players(self) -> list[Child]:
        """Who is dealt workers. Nobody is while one is about to come, or others would get all."""
        if any(seat.is_awaited for seat in self.seats):
            return []
        return [child for child in self._children if not child.left.is_set()]

    def _tell(self, number: signal.Signals) -> None:
        """Pass a signal on to all that can take one."""
        for child in self._children:
            if child.ready.done():
                child.signal(number)

    def _insist(self, _: signal.Signals) -> None:
        """End all at once. Of two signals that are the same one, a process may get one only."""
        self._tell(signal.SIGINT)
        self._tell(signal.SIGTERM)

    def _keep(self) -> None:
        self._dealer.start()
        self._keeping = [asyncio.create_task(seat.keep(), name="seat") for seat in self.seats]

    def _keep_no_more(self) -> None:
        for task in self._keeping:
            task.cancel()

    # ------------------------------------------------------------ upgrades

    async def _replace(self) -> Successor:
        """Have another supervisor replace the processes by its own, one after the other.

        Raises UpgradeFailed: then those that have left are started again, as they were.
        """
        try:
            for seat in self.seats:
                self._ports.open(seat.number)
        except OSError as error:
            raise UpgradeFailed(f"the public port cannot be had: {error}") from None
        pairs = {seat: socket.socketpair() for seat in self.seats}
        ends = {BEFORE.format(seat.number): theirs for seat, (_, theirs) in pairs.items()}
        ours = self._ports.sockets
        try:
            passed = Sockets(kept=ours.kept, open={**ours.open, **ends})
            successor = await Successor.start(passed, self._settings.grpc_port)
            self._keep_no_more()
            self._dealer.stop()
            for seat, (end, _) in pairs.items():
                if seat.child:
                    seat.child.replace(successor.pid, end)
        finally:
            for sock in (one for pair in pairs.values() for one in pair):
                sock.close()
        try:
            await successor.take_over({"folder": str(self._folder)})
        except UpgradeFailed:
            for seat in self.seats:
                seat.give_up()
            self._keep()
            raise
        return successor

    # ------------------------------------------------------------ the end

    async def _fail(self, status: int) -> int:
        """A process does not start. What a predecessor has is its own to keep."""
        if self._predecessor is None:
            await self._stop(signal.SIGTERM)
        return status

    async def _stop(self, number: signal.Signals) -> None:
        """Have all finish what they hold. Workers are dealt until the last one has ended."""
        children = list(self._children)
        self._keep_no_more()
        self._ports.leave()
        if self._upgrades.successor:
            await _within(LEAVE_SECONDS, [child.left.wait() for child in children])
        else:
            systemd.notify("STOPPING=1")
        for child in children:
            if not child.left.is_set():
                child.signal(number)
        ended = [asyncio.shield(child.ended) for child in children]
        await _within(self._settings.grace + END_SECONDS, ended)
        for child in children:
            child.signal(signal.SIGKILL)
        self._dealer.stop()
        if not self._upgrades.successor:
            shutil.rmtree(self._folder, ignore_errors=True)


def _new_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="prack-")
    except OSError as error:
        why = f"they need a folder in which they meet, and there is none: {error}; set TMPDIR"
        raise SettingsError([f"--processes: {why}"]) from None


async def _within(seconds: float, waits: Iterable[Awaitable[object]]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*waits)


def run(settings: Settings, serve: Callable[[Settings], Serve]) -> int:
    """Run the processes of these settings. Raises AddressInUse, BadActivation, SettingsError."""
    predecessor = Predecessor.of(os.environ)
    given = systemd.sockets(os.environ)
    sockets = predecessor.sockets if predecessor else Sockets(given, frozenset(given))
    return asyncio.run(Supervisor(settings, serve, sockets, predecessor).run())
