"""A normal client beside an attack: all of its requests must be answered."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway
from tests.support.client import Cut, RawClient
from tests.support.plain_worker import connect
from tests.support.scripted_worker import ScriptedWorker

HOST = "canary.example"
GET = b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % HOST.encode()


class Canary:
    """Has a connection, and a worker for its host alone."""

    def __init__(self, client: RawClient) -> None:
        self._client = client

    async def answers(self, count: int) -> None:
        """Ask so often; each answer must be there within the client's patience."""
        for _ in range(count):
            await self._client.send(GET)
            assert (await self._client.response()).status == 200


@asynccontextmanager
async def canary(gateway: Gateway) -> AsyncIterator[Canary]:
    """One that was answered before."""
    async with connect(gateway.api_port) as worker:
        await worker.hello("canary", routes=[pb.Route(host=HOST)])
        async with running(serve(worker)):
            bird = Canary(await gateway.client())
            await bird.answers(3)
            yield bird


async def serve(worker: ScriptedWorker) -> None:
    """Answer every request, for ever."""
    while True:
        await worker.answer(await worker.event("requests", 3600))


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have this go on inside."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def flood(client: RawClient, data: bytes) -> None:
    """Send this again and again, and read nothing, until the connection ends."""
    client.stop_reading()
    with suppress(ConnectionError, Cut):
        while True:
            await client.send(data)
            await asyncio.sleep(0)
