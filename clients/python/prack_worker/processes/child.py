"""Processes that run this same command, seen from the one that started them.

The two speak over a socket pair, in lines of JSON. The process says `{"ready": 8}` when a gateway
has welcomed its worker of 8 slots, `{"failed": "Traceback ..."}` when its application does not
start, and `{"spent": "has answered 1000 requests"}` when another is to serve in its place. It is
said nothing: it drains when the other end is closed, as then nobody is there to stop it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from prack_worker.processes.parent import VARIABLE

log = logging.getLogger("prack_worker")

CHUNK = 65_536


class Child:
    """A process that was started.

    Attributes:
        name: what it is called in its log lines and at the gateway.
        ready: whether its worker was welcomed by a gateway; False: it ended before.
        ended: its exit status, as a shell would tell it.
        slots: of its worker; 0 before it is ready.
        failure: why its application did not start, with the traceback; otherwise empty.
        on_spent: called with the reason when it is to be replaced; perhaps more than once.
    """

    def __init__(self, name: str, pid: int, channel: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.pid = pid
        self.ready: asyncio.Future[bool] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.slots = 0
        self.failure = ""
        self.on_spent: Callable[[str], object] = lambda why: None
        self._began = loop.time()
        self._lasted = 0.0
        self._is_leaving = False
        self._channel = channel
        self._heard = b""
        channel.setblocking(False)
        loop.add_reader(channel, self._hear)

    @property
    def age(self) -> float:
        """For how long it has been there, or was, in seconds."""
        if self.ended.done():
            return self._lasted
        return asyncio.get_running_loop().time() - self._began

    async def stop(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
        """Have it drain, if nobody did yet; kill it if it has not ended after so many seconds."""
        if not self._is_leaving:
            self._is_leaving = True  # a second signal would end it at once
            self.signal(number)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self.ended)
        except TimeoutError:
            log.warning("%s has not ended after %g s, and is killed", self.name, seconds)
            self.signal(signal.SIGKILL)
            await asyncio.shield(self.ended)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if not self.ended.done():
            os.kill(self.pid, number)

    def reap(self) -> None:
        """Notice its end, if it has ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return
        self._hear()  # its last words
        self._lasted = self.age
        asyncio.get_running_loop().remove_reader(self._channel)
        self.close()
        code = os.waitstatus_to_exitcode(status)
        self.ended.set_result(code if code >= 0 else 128 - code)
        if not self.ready.done():
            self.ready.set_result(False)

    def _hear(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            while piece := self._channel.recv(CHUNK):
                self._heard += piece
            asyncio.get_running_loop().remove_reader(self._channel)
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, said: dict[str, object]) -> None:
        if "failed" in said:
            self.failure = str(said["failed"])
        if "ready" in said:
            self.slots = int(str(said["ready"]))
            self.ready.set_result(True)
        if "spent" in said:
            self.on_spent(str(said["spent"]))

    def close(self) -> None:
        """Close this end of the channel, for who has inherited it."""
        self._channel.close()


def place() -> str:
    """This folder, by the name that it was entered by: perhaps a link to a release."""
    name = os.environ.get("PWD", "")
    with suppress(OSError):
        if name and os.path.samefile(name, "."):
            return name
    return "."


def same_command() -> list[str]:
    """The command that this process runs, with the interpreter and its flags."""
    return [sys.executable, *sys.orig_argv[1:]]


class Children:
    """Starts processes, and notices their ends. There is one of it, in the main thread's loop.

    Args:
        command: a `prack-worker`, its program first.
        typed: the processes get what is typed at the terminal, for a debugger. A Ctrl-C is not.
    """

    def __init__(self, command: Sequence[str], typed: bool = False) -> None:
        self._command = list(command)
        self._files = [] if typed else [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        self._living: list[Child] = []
        self._starting = asyncio.Lock()  # a fork closes what the living have, and knows no others
        self._place = place()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def __iter__(self) -> Iterator[Child]:
        """Those that have not ended, the oldest first."""
        return iter(list(self._living))

    async def start(self, name: str) -> Child:
        """Run the command, as a child of this name. Raises OSError.

        In a session of its own: what is typed at the terminal is for this process, which passes
        it on.
        """
        async with self._starting:
            ours, theirs = socket.socketpair()
            with theirs:
                child = Child(name, await self.launch(name, ours, theirs), ours)
            self._living.append(child)
        return child

    async def launch(self, name: str, ours: socket.socket, theirs: socket.socket) -> int:
        """Start a process that has the other end of the channel. Returns its id."""
        theirs.set_inheritable(True)
        os.chdir(self._place)  # which is where the link leads to now
        return os.posix_spawn(  # noqa: ASYNC221 - it does not wait for the process
            self._command[0],
            self._command,
            os.environ | {VARIABLE: f"{theirs.fileno()} {name}"},
            file_actions=self._files,
            setsid=True,
        )

    def _reap(self) -> None:
        for child in self:
            child.reap()
        self._living = [child for child in self._living if not child.ended.done()]
