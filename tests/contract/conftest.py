"""One broker, and two in a row: what stands between a client and a worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import Membership, OperatorSide, PublicSide, WorkerSide
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED, Profile
from tests.contract.linked import link
from tests.contract.relay import Relay
from tests.core.building import a_request

T = TypeVar("T")
SECONDS = 10.0


async def within(awaitable: Awaitable[T]) -> T:
    """The result, or a failure of the test."""
    async with asyncio.timeout(SECONDS):
        return await awaitable


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0)


@dataclass
class Worker:
    """Implements `core.receivers.WorkReceiver`: remembers what it was told."""

    side: WorkerSide
    handed: list[Assignment] = field(default_factory=list)
    cancelled: list[tuple[Assignment, CancelReason]] = field(default_factory=list)
    granted: dict[Assignment, int] = field(default_factory=dict)
    told: int = 0
    member: Membership | None = None

    def join(self, name: str = "w", slots: int = 8, acknowledges: bool = True, **more: Any) -> None:
        """Join the broker."""
        self.member = self.side.join(Profile(name, slots, acknowledges, **more), TRUSTED, self)

    def lose(self) -> None:
        """Go away without a word."""
        assert self.member is not None
        self.side.lose(self.member)

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        self.handed.append(assignment)

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver."""
        self.cancelled.append((assignment, reason))

    def uploaded(self, assignment: Assignment) -> None:
        """See WorkReceiver."""
        self.told += 1

    def grant(self, assignment: Assignment, offset: int) -> None:
        """See WorkReceiver."""
        self.granted[assignment] = offset

    async def next(self) -> Assignment:
        """What it is handed next."""
        await until(lambda: self.handed)
        return self.handed.pop(0)

    async def body(self, assignment: Assignment) -> bytes:
        """The whole request body, taken piece by piece."""
        self.side.allow(assignment, UNBOUNDED)
        taken = b""
        async with asyncio.timeout(SECONDS):
            while True:
                piece = self.side.take(assignment, 1000)
                taken += piece.data
                if piece.last:
                    return taken
                await asyncio.sleep(0)

    def answer(self, assignment: Assignment, body: bytes = b"ok", status: int = 200) -> None:
        """A whole response."""
        self.side.head(assignment, status, [], body, True)


@dataclass
class Rig:
    """Where clients submit and workers join; `operator` is that of the workers.

    `operators` are those of all brokers.
    """

    public: PublicSide
    side: WorkerSide
    operator: OperatorSide
    operators: Sequence[OperatorSide]

    def submit(self, body: bytes = b"", end: bool = True, **request: Any) -> Ticket:
        """A client sends a request."""
        return self.public.submit(a_request(**request), body, end)

    def worker(self, name: str = "w", **profile: Any) -> Worker:
        """A worker that has joined."""
        worker = Worker(self.side)
        worker.join(name, **profile)
        return worker

    async def read(self, ticket: Ticket) -> bytes:
        """The whole response body, as the public edge reads it."""
        parts = []
        while (chunk := await within(ticket.chunk())) is not None:
            parts.append(chunk)
            self.public.consumed(ticket)
        self.public.complete(ticket)
        return b"".join(parts)


Build = Callable[..., Rig]


@pytest.fixture(params=["one broker", "two brokers in a row", "two that are linked"])
async def build(request: pytest.FixtureRequest) -> AsyncIterator[Build]:
    """Builds a rig whose brokers have these limits."""
    relays: Sequence[Relay] = []
    brokers: list[MemoryBroker] = []

    def build(**limits: Any) -> Rig:
        nonlocal relays
        if request.param == "two that are linked":
            return linked(**limits)
        lower = MemoryBroker(Limits(**limits))
        brokers.append(lower)
        if request.param == "one broker":
            return Rig(lower, lower, lower, brokers)
        upper = MemoryBroker(Limits(window=limits.get("window", Limits().window)))
        brokers.append(upper)
        relay = Relay(upper, lower)
        relay.join(100)
        relays = [relay]
        return Rig(upper, lower, lower, brokers)

    def linked(**limits: Any) -> Rig:
        nonlocal relays
        upper, lower = LinkedBroker(Limits(**limits)), LinkedBroker(Limits(**limits))
        brokers.extend((upper, lower))
        relays = link(upper, lower)
        return Rig(upper, lower, lower, brokers)

    yield build
    for relay in relays:
        await relay.end()
    for broker in brokers:
        broker.shut_down()
