"""Workers that run for the length of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fake_rest import FakeRest

from prack_worker.exchange import Exchange
from prack_worker.transport import Transport
from prack_worker.worker import Application, Worker

Handler = Callable[[Exchange], Coroutine[Any, Any, None]]


class App:
    """An application made of one function."""

    interruptible = True

    def __init__(self, handler: Handler) -> None:
        self.handle = handler

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@asynccontextmanager
async def running(app: Application, transport: Transport, **options: Any) -> AsyncIterator[Worker]:
    """A worker that runs for the length of a test."""
    worker = Worker(app, transport, **({"slots": 4} | options))
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.wait([task])


def serving(
    transport: Transport, handler: Handler, **options: Any
) -> AbstractAsyncContextManager[Worker]:
    """A worker whose application is one function, for the length of a test."""
    return running(App(handler), transport, **options)


@asynccontextmanager
async def connected(rest: FakeRest, handler: Handler, **options: Any) -> AsyncIterator[Worker]:
    """A worker over REST, after its first poll."""
    async with serving(rest.transport(), handler, **options) as worker:
        (await rest.poll()).answer(requests=[])
        yield worker
