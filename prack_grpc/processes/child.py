"""One process, seen from the supervisor.

The two speak over a socket pair, in messages of JSON. The process says `{"ready": true}` when it
serves, `{"left": true}` when another serves in its place, and `{"held": 3, "taken": 5}` when it
has other connections of workers than it said last. The supervisor says `{"pid": 4711}` with a
socket, at the other end of which is who is to replace the process: see handover.successor.

The processes are forked from the supervisor, which has imported all of the gateway: so they share
the memory of the code, and start in a moment. A fork begins with what the supervisor had open; it
closes all that is not its own.
"""

import asyncio
import gc
import json
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

from prack_grpc.handover.sockets import Sockets
from prack_grpc.processes import dealing
from prack_grpc.processes.dealing import Address, Dealt
from prack_grpc.processes.parent import MOST, Parent
from prack_wire.forks import live

Serve = Callable[[Parent], int]
STANDARD = (0, 1, 2)


class Child:
    """A process that was started. `ended` is its exit status, as a shell would tell it.

    `ready` says whether it has come to serve; `left` is set when another one serves in its place,
    or none.
    """

    def __init__(self, pid: int, channel: socket.socket, rest: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.ended: asyncio.Future[int] = loop.create_future()
        self.ready: asyncio.Future[bool] = loop.create_future()
        self.left = asyncio.Event()
        self._began = loop.time()
        self._channel, self._rest = channel, rest
        self._held = self._taken = self._dealt = 0
        for sock in (channel, rest):
            sock.setblocking(False)
        loop.add_reader(channel, self._hear)

    @property
    def age(self) -> float:
        """For how long it has been there, in seconds."""
        return asyncio.get_running_loop().time() - self._began

    @property
    def load(self) -> int:
        """How many connections of workers it has, and is about to have."""
        return self._held + self._dealt - self._taken

    def deal(self, connection: socket.socket, peer: Address) -> bool:
        """See Player."""
        try:
            dealing.send(self._rest, connection, peer)
        except OSError:  # it takes none just now, or has ended
            return False
        self._dealt += 1
        return True

    def replace(self, pid: int, successor: socket.socket) -> None:
        """Have it give way to who is at the other end, of a gateway with this process id."""
        with suppress(OSError):  # it has ended
            socket.send_fds(self._channel, [b'{"pid": %d}' % pid], [successor.fileno()])

    def signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if not self.ended.done():
            os.kill(self.pid, number)

    def _hear(self) -> None:
        message = b""
        with suppress(ConnectionError):
            message = self._channel.recv(MOST)
        if not message:
            self._end()
            return
        said = json.loads(message)
        self._held, self._taken = said.get("held", self._held), said.get("taken", self._taken)
        if "ready" in said:
            self.ready.set_result(True)
        if "left" in said:
            self.left.set()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._rest.close()
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.ended.set_result(code if code >= 0 else 128 - code)
        if not self.ready.done():
            self.ready.set_result(False)
        self.left.set()


async def fork(
    number: int,
    folder: Path,
    address: Address,
    sockets: Callable[[Dealt], Sockets],
    before: socket.socket | None,
    serve: Serve,
) -> Child:
    """Fork a process that serves. `address` is that of the worker port, `sockets` its others."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    deals, dealt = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Dealt(dealt, address) as rest:
        parent = Parent(number, folder, theirs, rest, sockets(rest), before)
        forked: asyncio.Future[int] = loop.create_future()
        # Not within a task: the process would believe that it is in one.
        loop.call_soon(lambda: forked.set_result(_fork(parent, serve)))
        return Child(await forked, ours, deals)


def _fork(parent: Parent, serve: Serve) -> int:
    for handler in logging.getLogger().handlers:
        handler.flush()  # or both would write what waits
    pid = os.fork()
    if pid:
        return pid
    live(partial(_serve, parent, serve))


def _serve(parent: Parent, serve: Serve) -> int:
    # Garbage closes its sockets now, and all else never: their numbers will be those of others.
    gc.collect()
    gc.freeze()
    own = (parent.channel, parent.rest, *parent.sockets.given.values())
    _close_others({sock.fileno() for sock in (*own, parent.before) if sock is not None})
    return serve(parent)


def _close_others(own: set[int]) -> None:
    kept = sorted(own.union(STANDARD))
    for before, after in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
        if before + 1 < after:  # an empty range would be taken for all
            os.closerange(before + 1, after)
