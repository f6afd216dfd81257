"""Body bytes that wait for a worker go to it in few messages (proto/README.md, section 1)."""

import asyncio
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_grpc.stream.hello import DEFAULT_WINDOW
from tests.conftest import Gateway
from tests.support.scripted_worker import CHUNK, connect


async def test_an_upload_that_waited_is_one_message_of_grpc(gateway: Gateway) -> None:
    frames: list[pb.GatewayFrame] = []
    async with connect(gateway.grpc_port, on_frame=frames.append) as worker:
        await worker.hello(limits=pb.Limits(initial_window=1))
        client = await gateway.client()
        await client.post(bytes(4 * CHUNK))
        request = await worker.event("requests")
        (exchange,) = gateway.core.exchanges.values()
        await until(lambda: exchange.upload.pushed == 4 * CHUNK)
        before = len(frames)
        await worker.send(windows=[pb.Window(id=request.id, max_offset=4 * CHUNK)])
        await worker.event("finishes")
    sizes = [[len(data.data) for data in frame.data] for frame in frames[before:]]
    assert len(request.body) + sum(map(sum, sizes)) == 4 * CHUNK
    assert max(map(sum, sizes)) > 2 * CHUNK
    assert max(map(max, filter(None, sizes))) <= CHUNK


async def test_a_worker_that_names_no_window_gets_256_kib_unasked(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        upload = asyncio.create_task(client.post(bytes(16 * CHUNK)))
        request = await worker.event("requests")
        received = len(request.body)
        while received < DEFAULT_WINDOW:
            received += len((await worker.event("data")).data)
        (exchange,) = gateway.core.exchanges.values()
        await until(lambda: exchange.upload.buffered >= DEFAULT_WINDOW)
        assert (received, worker.seen("data")) == (DEFAULT_WINDOW, 0)
        await worker.send(windows=[pb.Window(id=request.id, max_offset=16 * CHUNK)])
        await worker.event("finishes")
        await upload


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0.01)
