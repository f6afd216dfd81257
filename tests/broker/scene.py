"""A broker with one worker, and how to wait without sleeping."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.session import Session
from prack_grpc.core.limits import Limits
from tests.core.building import a_request

T = TypeVar("T")
SECONDS = 10.0
SOON = 0.03


class Port:
    """Implements `broker.base.WorkerPort`: remembers what it was told."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self.cancelled: list[tuple[Lease, CancelReason]] = []
        self.uploads = 0
        self.granted: list[int] = []

    def deliver(self, lease: Lease) -> None:
        self.leases.append(lease)

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        self.cancelled.append((lease, reason))

    def uploaded(self, lease: Lease) -> None:
        self.uploads += 1

    def grant(self, lease: Lease, offset: int) -> None:
        self.granted.append(offset)


class Scene:
    """A broker, and one worker that has joined it."""

    def __init__(self, slots: int = 8, acknowledges: bool = True, **limits: Any) -> None:
        self.broker = MemoryBroker(Limits(**limits))
        self.port = Port()
        self.session = Session("w", slots, acknowledges, self.port)
        self.broker.join(self.session)

    def leased(self, body: bytes = b"", end: bool = True, **request: Any) -> tuple[Ticket, Lease]:
        """A request that the worker has."""
        ticket = self.broker.submit(a_request(**request), body, end)
        return ticket, self.port.leases[-1]

    def answer(self, lease: Lease, body: bytes = b"ok", status: int = 200) -> None:
        """A whole response."""
        self.broker.head(lease, status, [], body, True)

    def begin(self, lease: Lease, body: bytes = b"") -> None:
        """The start of a response."""
        self.broker.head(lease, 200, [], body, False)


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
