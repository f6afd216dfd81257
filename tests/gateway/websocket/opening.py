"""A WebSocket that a worker has accepted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway
from tests.support.client import RawClient
from tests.support.frames import open_socket
from tests.support.scripted_worker import ScriptedWorker, connect

LIMITS = pb.Limits(initial_window=1 << 30)


@asynccontextmanager
async def accepted(
    gateway: Gateway, client: RawClient, *fields: bytes
) -> AsyncIterator[tuple[ScriptedWorker, int]]:
    """Its worker, which takes whatever comes, and the number of the exchange.

    The handshake has these fields more.
    """
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"], limits=LIMITS)
        opening = asyncio.create_task(open_socket(client, b"/", *fields))
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await opening).status == 101
        yield worker, request.id
