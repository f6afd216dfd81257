"""What the gateway uses, and whether its books balance, looked at once a second."""

import asyncio
import json
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import psutil

from soak.fleet import Fleet

MIB = 1024 * 1024
EVERY_SECONDS = 1.0
CALL_SECONDS = 10.0
SETTLE_SECONDS = 30.0
# What Python and gRPC keep for later: more than before the load, and than in its first minute.
MORE_MEMORY, MORE_LATER = 48 * MIB, 16 * MIB
FIRST_SECONDS = 60.0
# Connections of workers come and go: of those that poll, some are kept for a while.
MORE_FILES = 32


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes in memory and open files of the gateway, at a time of the monotonic clock."""

    at: float
    pid: int
    memory: int
    files: int


@dataclass
class Gauges:
    """`first` is from before the load, `last` from after it.

    `audits` counts how often the books were looked at, `unbalanced` tells when they were wrong.
    """

    fleet: Fleet
    samples: list[Sample] = field(default_factory=list)
    audits: int = 0
    unbalanced: list[str] = field(default_factory=list)
    first: Sample | None = None
    last: Sample | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            with suppress(psutil.NoSuchProcess):  # an upgrade
                self.samples.append(self.look())
            with suppress(OSError):
                await asyncio.to_thread(self._audit)
            await asyncio.sleep(EVERY_SECONDS)

    def look(self) -> Sample:
        """Now."""
        process = psutil.Process(self.fleet.gateway.pid)
        memory = process.memory_info().rss
        return Sample(monotonic(), process.pid, memory, process.num_fds())

    async def start(self) -> None:
        """The load has been here before, and its connections have gone."""
        self.first = self.look()
        await asyncio.sleep(EVERY_SECONDS)
        while (now := self.look()).files < self.first.files:
            self.first = now
            await asyncio.sleep(EVERY_SECONDS)

    async def settle(self) -> None:
        """Give the gateway a while to get back to what it was."""
        deadline = monotonic() + SETTLE_SECONDS
        self.last = self.look()
        while self.grown and monotonic() < deadline:
            await asyncio.sleep(EVERY_SECONDS)
            self.last = self.look()

    def _audit(self) -> None:
        """The conservation law, over what the gateway counts (docs/rest.md)."""
        url = f"http://{self.fleet.wire.host}:{self.fleet.gateway.api_port}/api/v1/queue"
        with urllib.request.urlopen(url, timeout=CALL_SECONDS) as response:
            books = json.load(response)
        self.audits += 1
        ended = sum(books["done"].values()) + books["in_flight"]
        given = sum(books["leases"].values()) + books["open_leases"]
        if (books["accepted"], books["leased"]) != (ended, given):
            self.unbalanced.append(f"{books}")

    @property
    def grown(self) -> bool:
        """It uses more at the end than at the start."""
        assert self.first
        assert self.last
        until = self.first.at + FIRST_SECONDS
        early = [one.memory for one in self.samples if one.at < until]
        memory = min(
            self.first.memory + MORE_MEMORY, max(early, default=self.first.memory) + MORE_LATER
        )
        return self.last.memory > memory or self.last.files > self.first.files + MORE_FILES
