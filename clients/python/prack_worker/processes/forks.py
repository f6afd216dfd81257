"""Processes that are forked from one that has imported the application."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

from prack_wire.forks import live
from prack_worker.processes.child import Children
from prack_worker.processes.parent import Parent, entitle

Serve = Callable[[Parent], int]


class Forks(Children):
    """See Children; each process is a fork of this one that calls `serve`.

    It begins with all that was open when the application was imported.
    """

    def __init__(self, serve: Serve) -> None:
        super().__init__(())
        gc.freeze()  # or the first collection of a fork would write to all that it shares
        self._serve = serve

    async def launch(self, name: str, ours: socket.socket, theirs: socket.socket) -> int:
        """See Children."""
        forked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def fork() -> None:
            if forked.cancelled():
                return
            for stream in (sys.stdout, sys.stderr):
                stream.flush()  # or both would write what waits
            if pid := os.fork():
                forked.set_result(pid)
                return
            live(partial(self._live, name, ours, theirs))

        # Not within a task: the process would believe that it is in one.
        asyncio.get_running_loop().call_soon(fork)
        return await forked

    def _live(self, name: str, ours: socket.socket, theirs: socket.socket) -> int:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, sys.__stdin__.fileno() if sys.__stdin__ else 0)
        os.close(null)
        # Held open here, they would outlive the parent, and nobody would notice its end.
        ours.close()
        for child in self:
            child.close()
        entitle(name)
        return self._serve(Parent(name, theirs))
