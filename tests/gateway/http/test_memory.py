"""Nothing of a connection that has ended waits for the garbage collector."""

from collections.abc import Awaitable, Callable

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.closing import Closing
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.reader import Reader
from prack_grpc.gateway.http.timeouts import Timeout
from prack_grpc.gateway.http.transaction import Response, Transaction
from tests.conftest import Gateway, Start
from tests.support.bad_requests import BAD_CHUNKS, REFUSED, chunk, get
from tests.support.client import RawClient
from tests.support.collector import alive, frozen, gone, no_collector
from tests.support.scripted_worker import ScriptedWorker, connect

PARTS = (Closing, Connection, Flow, Reader, Response, Timeout, Transaction)
QUICK = ConnectionLimits(
    head_seconds=0.1, body_seconds=0.1, keep_alive_seconds=0.1, linger_seconds=0.1
)
GET = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"

End = Callable[[RawClient, ScriptedWorker], Awaitable[object]]


async def refused(client: RawClient, send: bytes) -> bool:
    """The gateway ends it, with or without an answer."""
    await client.send(send)
    return await client.closed()


def ended(send: bytes) -> End:
    """The gateway does so, whether a worker is there or not."""
    return lambda client, _: refused(client, send)


def left(send: bytes, wait: str = "", answer: bool = False) -> End:
    """The client leaves, perhaps when the worker has heard of it or has begun to answer."""

    async def run(client: RawClient, worker: ScriptedWorker) -> None:
        await client.send(send)
        if wait:
            request = await worker.event(wait)
            if answer:
                await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"a")])
                await client.head()
        client.reset()

    return run


async def served(client: RawClient, worker: ScriptedWorker) -> None:
    """One request, and the client goes."""
    await client.send(GET)
    await worker.answer(await worker.event("requests"))
    await client.response()
    await client.close()


async def last(client: RawClient, worker: ScriptedWorker) -> None:
    """One request that is to be the last."""
    await client.send(LAST)
    await worker.answer(await worker.event("requests"))
    await client.response()
    await client.closed()


async def broken(client: RawClient, worker: ScriptedWorker) -> None:
    """The worker gives up in the middle of a response."""
    await client.send(GET)
    request = await worker.event("requests")
    await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"a")])
    await client.head()
    await worker.send(aborts=[pb.Abort(id=request.id)])
    await client.closed()


__all__ = ["frozen", "no_collector"]

WAYS: dict[str, End] = {
    "nothing": ended(b""),
    "a head that is late": ended(b"GET / HT"),
    "a body that is late": ended(POST + b"a"),
    "a bad request": ended(b"GET / HTTP/1.1\nhost: a\r\n\r\n"),
    "a bad handshake": ended(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\n\r\n"),
    "a head that has no end": ended(get(b"x: a\r\n" * 20_000)),
    "left at once": left(b""),
    "left in its head": left(b"GET / HT"),
    "left in its body": left(POST + b"a", "requests"),
    "left in its body, for which no one asked": left(POST + bytes(90_000)),
    "left while it waits": left(GET, "requests"),
    "left while more waits": left(GET * 5_000, "requests"),
    "left in its response": left(GET, "requests", answer=True),
    "served": served,
    "served, the last": last,
    "cut": broken,
}  # fmt: skip


@pytest.mark.parametrize("end", WAYS.values(), ids=WAYS.keys())
async def test_nothing_is_left(no_collector: None, start: Start, end: End) -> None:
    gateway: Gateway = await start(guard=QUICK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        before = alive(PARTS)
        for _ in range(3):
            await end(await gateway.client(), worker)
        await gone(PARTS, before)


async def test_nothing_is_left_of_what_is_refused(no_collector: None, start: Start) -> None:
    gateway: Gateway = await start(guard=QUICK)
    before = alive(PARTS)
    for data in [data for _, data, _ in REFUSED] + [chunk(data) for _, data in BAD_CHUNKS]:
        client = await gateway.client()
        await refused(client, data)
        client.reset()
    await gone(PARTS, before)
