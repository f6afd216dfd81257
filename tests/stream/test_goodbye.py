"""What workers hear of a gateway that stops, and what they still get from it."""

import asyncio
import socket

import grpc

from tests.conftest import Gateway
from tests.stream.conftest import Connect
from tests.support import scripted_worker
from tests.support.scripted_worker import ScriptedWorker

OK = grpc.StatusCode.OK, None  # a plain connection just ends


async def served(gateway: Gateway, worker: ScriptedWorker) -> None:
    """This worker still gets requests."""
    client = await gateway.client()
    await client.get(b"/")
    await worker.answer(await worker.event("requests"))
    assert (await client.response()).status == 200


async def until_free(port: int) -> None:
    """Wait until nobody listens there."""
    async with asyncio.timeout(10):
        while True:
            try:
                socket.create_server(("127.0.0.1", port)).close()
                return
            except OSError:
                await asyncio.sleep(0.01)


async def test_a_worker_that_is_sent_away_serves_on_until_it_is_dismissed(
    gateway: Gateway, connect: Connect
) -> None:
    stream = gateway.running.stream
    async with connect(gateway) as worker:
        await worker.hello()
        await stream.send_away()
        goaway = await worker.event("goaway")
        assert (goaway.drain_ack, goaway.last_id) == (False, 0)
        assert 1 <= goaway.reconnect_in_ms <= 10, "it is alone"
        await served(gateway, worker)
        stopping = asyncio.create_task(stream.stop(grace=10))
        goaway = await worker.event("goaway")
        assert (goaway.drain_ack, goaway.last_id) == (True, 1)
        await worker.call.done_writing()
        assert (await worker.end())[0] in OK
        await stopping


async def test_a_gateway_that_gave_up_its_port_can_have_it_again(gateway: Gateway) -> None:
    stream, port = gateway.running.stream, gateway.grpc_port
    async with scripted_worker.connect(port) as first:
        await first.hello("w1")
        stream.release()
        await until_free(port)
        await served(gateway, first)
        assert stream.bind("127.0.0.1", port) == port
        await stream.start()
        async with scripted_worker.connect(port) as second:
            await second.hello("w2")
            rows = gateway.running.broker.status().workers
            assert {row.worker for row in rows} == {"w1", "w2"}
