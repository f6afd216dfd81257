"""Signs of life between a worker and its gateway, from a thread that no application can block."""

from __future__ import annotations

import asyncio
import itertools
from typing import Protocol

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.loops.link import Link
from prack_worker.loops.mailbox import Mailbox

TICKS = 3  # of the pulse for each heartbeat that the gateway asks for


class Body(Protocol):
    """Whose pulse it is. All of this is for the link's thread."""

    @property
    def flows(self) -> bool:
        """Nothing waits to be written."""

    def say(self, frame: pb.WorkerFrame) -> None:
        """Write this, behind what waits."""

    def blocked(self, blocked: bool) -> None:
        """The application's loop does not answer, or does again."""


class Pulse:
    """Sends heartbeats, gives up a gateway that is silent, and notices that the application blocks.

    Then it has the gateway send nothing more. Must be made on the application's loop.

    Args:
        capacity: that of the hello.
        beat: seconds; the longest silence of this worker.
        max_silence: seconds without a word from the gateway, or with one that it does not take.

    Attributes:
        capacity: what the worker offers, as long as the application does not block.
        inbox: calls into the application's loop.
    """

    def __init__(self, link: Link, capacity: pb.Capacity, beat: float, max_silence: float) -> None:
        self.link = link
        self.inbox = Mailbox(asyncio.get_running_loop())
        self.capacity = capacity
        self._tick = min(beat, max_silence) / TICKS
        self._max_silence = max_silence
        self._unheard = self._unsaid = self._unanswered = 0  # ticks
        self._offered = True  # all slots, and not the least that a worker can have

    def heard(self) -> None:
        """The gateway has said something; from any thread."""
        self._unheard = 0

    def said(self) -> None:
        """The gateway takes what is written; from any thread."""
        self._unsaid = 0

    async def watch(self, body: Body) -> None:
        """In the link's thread, until the gateway is given up. Raises ConnectFailed.

        Counts ticks, not seconds: a process that was stopped must first read what has come.
        """
        for nonce in itertools.count(1):
            await asyncio.sleep(self._tick)
            self._unheard += 1
            self._unsaid += 1
            self._unanswered += 1
            if max(self._unheard, self._unsaid) * self._tick > self._max_silence:
                raise ConnectFailed(f"the connection was silent for {self._max_silence:g} s")
            if self._unanswered == 1:
                self.inbox.post(self.link.inbox.post, self._answered, body)
            elif self._offered:
                self._offer(False, body)
            if self._unsaid >= TICKS - 1 and body.flows:
                body.say(pb.WorkerFrame(heartbeat=pb.Heartbeat(nonce=nonce)))

    def _answered(self, body: Body) -> None:
        """The application's loop goes on."""
        self._unanswered = 0
        if not self._offered:
            self._offer(True, body)

    def _offer(self, all_slots: bool, body: Body) -> None:
        """A worker that blocks holds a request at least: with one slot it gets no other."""
        self._offered = all_slots
        capacity = self.capacity if all_slots else pb.Capacity(max_in_flight=1)
        body.blocked(not all_slots)
        body.say(pb.WorkerFrame(capacity=capacity))
