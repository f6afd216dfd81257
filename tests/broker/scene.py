"""A broker with one worker, and how to wait without sleeping."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import WorkerSide
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED, Profile
from tests.core.building import a_request

T = TypeVar("T")
SECONDS = 10.0
SOON = 0.03


class Receiver:
    """Implements `core.receivers.WorkReceiver`: remembers what it was told."""

    def __init__(self) -> None:
        self.handed: list[Assignment] = []
        self.cancelled: list[tuple[Assignment, CancelReason]] = []
        self.uploads = 0
        self.granted: list[int] = []

    def deliver(self, assignment: Assignment) -> None:
        self.handed.append(assignment)

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        self.cancelled.append((assignment, reason))

    def uploaded(self, assignment: Assignment) -> None:
        self.uploads += 1

    def grant(self, assignment: Assignment, offset: int) -> None:
        self.granted.append(offset)


def joined(
    broker: WorkerSide, worker: str = "w", slots: int = 1, acknowledges: bool = True, **about: Any
) -> Receiver:
    """A worker that has joined."""
    receiver = Receiver()
    broker.join(Profile(worker, slots, acknowledges, **about), TRUSTED, receiver)
    return receiver


class Scene:
    """A broker, and one worker that has joined it."""

    def __init__(self, slots: int = 8, acknowledges: bool = True, **limits: Any) -> None:
        self.broker = MemoryBroker(Limits(**limits))
        self.receiver = Receiver()
        profile = Profile("w", slots, acknowledges)
        self.member = self.broker.join(profile, TRUSTED, self.receiver)

    @property
    def held(self) -> list[Assignment]:
        """What workers have in their hands."""
        return list(self.broker.dispatcher.assigned)

    def leased(
        self, body: bytes = b"", end: bool = True, **request: Any
    ) -> tuple[Ticket, Assignment]:
        """A request that the worker has."""
        ticket = self.broker.submit(a_request(**request), body, end)
        return ticket, self.receiver.handed[-1]

    def answer(self, lease: Assignment, body: bytes = b"ok", status: int = 200) -> None:
        """A whole response."""
        self.broker.head(lease, status, [], body, True)

    def begin(self, lease: Assignment, body: bytes = b"") -> None:
        """The start of a response."""
        self.broker.head(lease, 200, [], body, False)

    def take(self, lease: Assignment, most: int) -> bytes:
        """The next piece of a request body."""
        return self.broker.take(lease, most).data

    def upload(self, ticket: Ticket) -> Flow:
        """The request body on its way."""
        return self.broker.tickets[ticket].upload


async def within(awaitable: Awaitable[T]) -> T:
    """The result, or a failure of the test."""
    async with asyncio.timeout(SECONDS):
        return await awaitable


@asynccontextmanager
async def waiting(coroutine: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """A task that has run up to where it must wait."""
    task = asyncio.create_task(coroutine)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done(), "it did not wait"
    yield task
    if not task.done():
        await within(asyncio.wait((task,)))


async def failure(awaitable: Awaitable[object]) -> str:
    """The code of the error that a client gets."""
    with pytest.raises(GatewayError) as caught:
        await within(awaitable)
    return caught.value.kind.code
