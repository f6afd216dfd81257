"""What looks once a second, and how late it finds the event loop."""

import asyncio
import logging
import time

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import BookLimits, Limits
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.pulse import Pulse

SECONDS = 10.0


def watching() -> Watch:
    limits = BookLimits()
    broker = MemoryBroker(Limits())
    return Watch(Books(limits, time.monotonic()), Marks(limits.marks), limits, broker.status)


async def test_a_loop_that_is_blocked_is_found_late() -> None:
    watch = watching()
    pulse = Pulse(watch)
    pulse.start()
    time.sleep(0.35)  # noqa: ASYNC251 - this is what is measured
    async with asyncio.timeout(SECONDS):
        await pulse.next_look()
    pulse.stop()
    assert 0.2 <= watch.lag <= 5
    assert len(watch.history.points) == 1


async def test_whoever_waits_for_a_look_is_let_go_at_the_end() -> None:
    pulse = Pulse(None)
    pulse.start()
    waiting = asyncio.create_task(pulse.next_look())
    await asyncio.sleep(0)
    pulse.stop()
    async with asyncio.timeout(SECONDS):
        await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_it_looks_again_and_again() -> None:
    watch = watching()
    pulse = Pulse(watch)
    pulse.start()
    async with asyncio.timeout(SECONDS):
        for _ in range(2):
            await pulse.next_look()
    pulse.stop()
    assert watch.looks == 2
    assert logging.getLogger("prack_grpc").handlers == []
