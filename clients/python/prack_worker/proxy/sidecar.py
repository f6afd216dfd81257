"""A worker beside an application: starts it, serves while it is there, and ends both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from prack_worker.backoff import Backoff
from prack_worker.errors import AppLoadError, CommandEnded
from prack_worker.proxy.address import Address
from prack_worker.proxy.application import ProxyApplication
from prack_worker.proxy.command import Command
from prack_worker.proxy.presence import Presence
from prack_worker.proxy.upstream import Upstream
from prack_worker.worker import HEALTHY_SECONDS, Application, Worker, first

log = logging.getLogger("prack_worker")

KILL_SECONDS = 0.5  # for the command to end when the grace is over
LAST_SECONDS = 5.0  # for it to end when the worker ends without being asked


class Sidecar:
    """Runs a worker whose application is reached over HTTP.

    Args:
        worker: serves it.
        app: what the worker relays to.
        presence: whether it is there.
        command: runs it; None: somebody else does.
        restart: start the command again when it ends.
        grace: seconds from `drain` until nothing of the command is left.
    """

    def __init__(
        self,
        worker: Worker,
        app: ProxyApplication,
        presence: Presence,
        command: Command | None,
        *,
        restart: bool,
        grace: float,
    ) -> None:
        self._worker = worker
        self._app = app
        self._presence = presence
        self._command = command
        self._restart = restart
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._until = 0.0  # on the loop's clock; 0: it has not been asked to stop
        self._ended: BaseException | None = None

    async def run(self) -> None:
        """Serve until `drain` was called and every held request was answered.

        Raises:
            AppLoadError: the command cannot be started.
            CommandEnded: it ended by itself; what was held was given up or answered first.
            GatewayRefused: see `Worker.run`.
        """
        tasks = [self._beside(self._presence.watch(), "prack presence")]
        try:
            if self._command is not None:
                await self._command.start()
                tasks.append(self._beside(self._keep(self._command), "prack command"))
            await first(self._presence.here.wait(), self._stopping.wait())
            tasks.append(self._beside(self._follow(), "prack pauses"))
            tasks.append(self._beside(self._say_goodbye(), "prack goodbye"))
            await self._worker.run()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._end()
        if self._ended is not None:
            raise self._ended

    def drain(self) -> None:
        """Take no more requests, finish those that are held, then end the command."""
        if not self._until:
            self._until = self._loop.time() + self._grace + KILL_SECONDS
            self._stopping.set()
            self._worker.drain()
            if self._command is not None:
                self._loop.call_later(self._grace, self._command.terminate)

    def held(self) -> list[str]:
        """See Worker."""
        return self._worker.held()

    def kill(self) -> None:
        """Leave nothing of the command. Callable from any thread, and by a signal handler."""
        if self._command is not None:
            self._command.kill()

    def _beside(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """A task without which the worker does not go on: what it raises, `run` does."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._notice)
        return task

    def _notice(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._give_up(error)

    async def _keep(self, command: Command) -> None:
        """Start the command again, or stop, when it ends."""
        backoff = Backoff()
        while True:
            since = self._loop.time()
            status = await command.ended()
            command.kill()  # what it has left behind
            if self._stopping.is_set():
                return
            if not self._restart:
                return self._give_up(CommandEnded(status))
            self._presence.lose()
            if self._loop.time() - since >= HEALTHY_SECONDS:
                backoff.reset()
            log.warning("The command ended, with status %d; starting it again", status)
            await asyncio.sleep(backoff.next())
            try:
                await command.start()
            except AppLoadError as error:
                return self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        """There is no application any more, or nobody who looks for it."""
        self._ended = error
        self.drain()

    async def _follow(self) -> None:
        """Take requests only while the application is there."""
        while True:
            await self._presence.away.wait()
            log.warning("The application is away; taking no requests until it is ready again")
            self._worker.pause()
            await self._presence.here.wait()
            log.info("The application is ready again")
            self._worker.resume()

    async def _say_goodbye(self) -> None:
        """End WebSockets: the application does it in its way, if it is ours to stop."""
        await self._app.over.wait()
        if self._command is not None:
            self._command.terminate()
        else:
            self._app.hang_up()

    async def _end(self) -> None:
        if self._command is not None:
            left = self._until - self._loop.time() if self._until else LAST_SECONDS
            await self._command.stop(max(left, 0.0))


def beside(
    address: Address,
    worker_of: Callable[[Application], Worker],
    command: Command | None,
    *,
    ready: str,
    restart: bool,
    grace: float,
) -> Sidecar:
    """A sidecar of what listens at this address; `ready` is the path of `Presence`."""
    upstream = Upstream(address)
    presence = Presence(upstream, ready)
    app = ProxyApplication(upstream, presence.lose)
    return Sidecar(worker_of(app), app, presence, command, restart=restart, grace=grace)
