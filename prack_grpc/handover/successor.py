"""The new process, seen from the old one.

The two speak over a socket pair. We pass our sockets; it says `prepared` when all that may fail
has worked; we give up the gRPC port, which cannot be passed, and pass on what whoever runs us has
told us; it says `ready` when it serves. After that it passes us connections until one of the two
ends: those on which it calls our worker API, for what workers have from us, and one on which we
share the slots of workers (`sharing`).
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from prack_grpc.handover.sockets import Sockets

VARIABLE = "_PRACK_PREDECESSOR"
PREPARED, READY = b"prepared\n", b"ready\n"
CALL, SLOTS = b".", b"s"  # what a connection is for that is passed to us
START_SECONDS = 60.0
END_SECONDS = 1.0
# Of a gateway with as many processes as there may be, each has two.
MAX_SOCKETS = 140


class UpgradeFailed(Exception):
    """The new process did not start; the message says why. The old one continues."""


class Successor:
    """A process that is about to take over. `pid` is its id."""

    def __init__(
        self,
        pid: int,
        channel: socket.socket,
        seconds: float,
        process: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        """Without `process` it is somebody else's."""
        self.pid = pid
        self._channel = channel
        self._seconds = seconds
        self._process = process

    @classmethod
    async def start(
        cls,
        sockets: Sockets,
        grpc_port: int,
        command: Sequence[str] = (),
        seconds: float = START_SECONDS,
    ) -> "Successor":
        """Start the program of this process again, or another `command`.

        Raises UpgradeFailed unless it is prepared within so many seconds.
        """
        channel, theirs = socket.socketpair()
        _pass(channel, sockets, grpc_port)
        with theirs:
            try:
                process = _spawn(command or _own_command(), theirs.fileno())
            except OSError as error:
                channel.close()
                raise UpgradeFailed(f"cannot start the new gateway: {error}") from None
        successor = cls(process.pid, channel, seconds, process)
        await successor._expect(PREPARED)
        return successor

    @classmethod
    async def adopted(cls, channel: socket.socket, pid: int) -> "Successor":
        """One that somebody else has started, at the other end of this channel.

        It has its sockets already. Raises UpgradeFailed unless it is prepared soon.
        """
        _pass(channel, Sockets(), 0)
        successor = cls(pid, channel, START_SECONDS)
        await successor._expect(PREPARED)
        return successor

    async def take_over(self, state: dict[str, Any]) -> None:
        """The gRPC port is free: let it serve, with this state. Raises UpgradeFailed."""
        line = json.dumps(state).encode() + b"\n"
        with contextlib.suppress(ConnectionError):  # what comes next says so as well
            await asyncio.get_running_loop().sock_sendall(self._channel, line)
        await self._expect(READY)
        if self._process:
            self._process.returncode = 0  # it outlives us: nobody is to wait for it

    def lend(
        self, adopt: Callable[[socket.socket], None], share: Callable[[socket.socket], None]
    ) -> None:
        """Have the connections served that it passes back, until it ends."""
        asyncio.get_running_loop().add_reader(self._channel, self._receive, adopt, share)

    def _receive(
        self, adopt: Callable[[socket.socket], None], share: Callable[[socket.socket], None]
    ) -> None:
        data, numbers, _, _ = socket.recv_fds(self._channel, 1, MAX_SOCKETS)
        for number in numbers:
            (share if data == SLOTS else adopt)(socket.socket(fileno=number))
        if not data:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()

    async def _expect(self, word: bytes) -> None:
        """Wait for its next word. Raises UpgradeFailed when something else comes."""
        loop, heard = asyncio.get_running_loop(), None
        try:
            async with asyncio.timeout(self._seconds):
                heard = await loop.sock_recv(self._channel, len(word))
        except TimeoutError:
            pass
        except ConnectionError:
            heard = b""  # it has ended
        finally:
            if heard != word:
                if heard is None and self._process:
                    self._process.kill()  # or it takes the end of the channel for ours, and serves
                self._channel.close()
                status = await self._status()
        if heard is None:
            raise UpgradeFailed(f"the new gateway was not ready within {self._seconds:g} s")
        if heard != word:
            raise UpgradeFailed(f"the new gateway exited ({status}); see the log for the reason")

    async def _status(self) -> str:
        if self._process is None:
            return "its supervisor knows why"
        return str(await asyncio.to_thread(_ended, self._process))


def _pass(channel: socket.socket, sockets: Sockets, grpc_port: int) -> None:
    """The first message: our sockets, with their names."""
    channel.setblocking(False)
    names = [[name, name in sockets.kept] for name in sockets.open]
    message = json.dumps({"names": names, "grpc_port": grpc_port}).encode()
    socket.send_fds(channel, [message], [sock.fileno() for sock in sockets.open.values()])


def _spawn(command: Sequence[str], channel: int) -> "subprocess.Popen[bytes]":
    environ = {**os.environ, VARIABLE: str(channel)}
    return subprocess.Popen(command, env=environ, pass_fds=[channel])  # noqa: S603


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """Its exit status; it is killed if it does not end by itself."""
    try:
        return process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _own_command() -> list[str]:
    """How this process was started. A script names its interpreter itself, in its first line."""
    if os.access(sys.argv[0], os.X_OK):
        return sys.argv
    return [sys.executable, *sys.orig_argv[1:]]
