"""A gateway without a gRPC port."""

from tests.conftest import Start
from tests.support.plain_worker import connect


async def test_workers_of_plain_connections_are_served(start: Start) -> None:
    gateway = await start(grpc=False)
    assert gateway.grpc_port == 0
    async with connect(gateway.api_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/")
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200


async def test_they_are_sent_away(start: Start) -> None:
    gateway = await start(grpc=False)
    async with connect(gateway.api_port) as worker:
        await worker.hello()
        gateway.running.stream.release()
        await gateway.running.stream.send_away()
        assert (await worker.event("goaway")).last_id == 0
