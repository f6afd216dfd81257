"""A worker whose application is away for a while."""

import asyncio

from fake_gateway import FakeGateway
from fake_rest import FakeRest, entry
from serving import App, serving

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import Exchange
from prack_worker.worker import Worker

PAUSED = pb.WorkerFrame(pause=pb.Pause(paused=True))
RESUMED = pb.WorkerFrame(pause=pb.Pause(paused=False))
DRAIN = pb.WorkerFrame(drain=pb.Drain(reason="the worker is stopping"))


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [], b"hello", end=True)


async def test_a_stream_is_told(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello) as worker:
        stream = await gateway.welcomed(features=["pause"])
        await stream.request()
        assert (await stream.frame()) is not None
        worker.pause()
        assert await stream.frame() == PAUSED
        number = await stream.request()  # was on its way
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].id == number
        worker.resume()
        assert await stream.frame() == RESUMED
        assert "pause" in stream.hello.features


async def test_an_older_gateway_is_not_told(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello) as worker:
        stream = await gateway.welcomed()
        await stream.request()
        assert (await stream.frame()) is not None
        worker.pause()
        worker.resume()
        worker.drain()
        assert await stream.frame() == DRAIN


async def test_a_pause_during_the_dial_is_told_first(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello) as worker:
        stream = await gateway.stream()
        worker.pause()
        await stream.welcome(features=["pause"])
        assert await stream.frame() == PAUSED


async def test_all_gateways_are_told(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello) as worker:
        older = await gateway.welcomed(features=["pause"])
        await older.send(goaway=pb.Goaway(reconnect_in_ms=1))
        newer = await gateway.welcomed(features=["pause"])
        await newer.request()
        assert (await newer.frame()) is not None
        worker.pause()
        assert await older.frame() == PAUSED
        assert await newer.frame() == PAUSED


async def test_a_paused_worker_can_drain(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), hello) as worker:
        stream = await gateway.welcomed(features=["pause"])
        await stream.request()
        assert (await stream.frame()) is not None
        worker.pause()
        assert await stream.frame() == PAUSED
        worker.drain()
        assert await stream.frame() == DRAIN
        await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=1))
        assert await stream.frame() is None


async def test_over_rest_a_paused_worker_does_not_poll(rest: FakeRest) -> None:
    async with serving(rest.transport(), hello) as worker:
        (await rest.poll()).answer(requests=[])
        parked = await rest.poll()
        worker.pause()
        worker.pause()
        await rest.left.acquire()
        assert {"worker": "w1", "leaving": True} in rest.drains
        parked.answer(requests=[entry("a")])  # was on its way
        assert (await rest.post()).accept()[0]["identifier"] == "a"
        assert rest.polled == 2
        worker.resume()
        (await rest.poll()).answer(requests=[])


async def test_over_rest_a_paused_worker_can_drain(rest: FakeRest) -> None:
    worker = Worker(App(hello), rest.transport(), slots=1)
    task = asyncio.create_task(worker.run())
    (await rest.poll()).answer(requests=[])
    parked = await rest.poll()
    worker.pause()
    await rest.left.acquire()
    parked.answer(requests=[])
    worker.drain()
    await asyncio.wait_for(task, 5)


async def test_over_rest_a_worker_that_is_paused_when_it_drains_ends(rest: FakeRest) -> None:
    """The application of a request that is still held may turn out to be away."""
    worker = Worker(App(hello), rest.transport(), slots=1)
    task = asyncio.create_task(worker.run())
    (await rest.poll()).answer(requests=[])
    parked = await rest.poll()
    worker.drain()
    await rest.left.acquire()
    worker.pause()
    parked.answer(requests=[])
    await asyncio.wait_for(task, 20)


async def test_over_rest_a_pause_that_overtakes_the_poll_is_said_again(rest: FakeRest) -> None:
    async with serving(rest.transport(), hello) as worker:
        (await rest.poll()).answer(requests=[])
        parked = await rest.poll()
        worker.pause()
        for _ in range(2):
            async with asyncio.timeout(4):  # less than a poll is parked
                await rest.left.acquire()
        worker.resume()
        parked.answer(requests=[])
        (await rest.poll()).answer(requests=[])
