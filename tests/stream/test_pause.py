"""Workers that want nothing for a while (proto/README.md section 3.5)."""

import asyncio
import logging

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.status import Serving
from prack_grpc.stream.stream import MAX_PAUSES
from tests.conftest import Gateway
from tests.stream.conftest import Connect
from tests.support.client import RawClient
from tests.support.scripted_worker import ScriptedWorker

PAUSE, RESUME = pb.Pause(paused=True), pb.Pause(paused=False)


async def pause(worker: ScriptedWorker, *frames: pb.Pause, **more: pb.Capacity) -> None:
    """Send these, and see that the gateway has them."""
    for frame in frames:
        await worker.send(pause=frame, **more)
    await worker.send(heartbeat=pb.Heartbeat(nonce=1))
    assert (await worker.event("heartbeat")).echo == 1


def state(gateway: Gateway) -> tuple[Serving, int]:
    """Of the only worker, and its slots."""
    (row,) = gateway.running.broker.status().workers
    return row.state, row.slots


async def waits(gateway: Gateway) -> None:
    """A request is in the queue."""
    async with asyncio.timeout(10):
        while not gateway.core.queue.requests:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


async def answered(worker: ScriptedWorker, client: RawClient) -> None:
    await worker.answer(await worker.event("requests"))
    assert (await client.response()).status == 200


async def test_a_paused_worker_gets_nothing_until_it_resumes(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        assert "pause" in (await worker.hello(features=["pause"])).features
        await pause(worker, PAUSE)
        client = await gateway.client()
        await client.get(b"/")
        await waits(gateway)
        assert state(gateway) == (Serving.PAUSED, 0)
        assert not worker.seen("requests")
        await worker.send(pause=RESUME)
        await answered(worker, client)
        assert state(gateway) == (Serving.ACTIVE, 8)


async def test_what_a_paused_worker_holds_it_finishes(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello(slots=1, features=["pause"])
        first, second = await gateway.client(), await gateway.client()
        await first.get(b"/")
        request = await worker.event("requests")
        await pause(worker, PAUSE)
        await second.get(b"/")
        await waits(gateway)
        await worker.answer(request)
        assert (await first.response()).status == 200
        await pause(worker)
        assert not worker.seen("requests")
        await worker.send(pause=RESUME)
        await answered(worker, second)


async def test_what_it_says_of_its_slots_meanwhile_counts_when_it_resumes(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as worker:
        await worker.hello(features=["pause"])
        await pause(worker, PAUSE, PAUSE, capacity=pb.Capacity(max_in_flight=3))
        assert state(gateway) == (Serving.PAUSED, 0)
        await pause(worker, RESUME, RESUME)
        assert state(gateway) == (Serving.ACTIVE, 3)


async def test_its_route_stays_its_own(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as shop, connect(gateway) as other:
        await shop.hello("shop", features=["pause"], routes=[pb.Route(path="/shop")])
        await other.hello("other")
        await pause(shop, PAUSE)
        client = await gateway.client()
        await client.get(b"/shop")
        await waits(gateway)
        await shop.send(pause=RESUME)
        await answered(shop, client)
        assert not other.seen("requests")


async def test_a_paused_worker_can_drain(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        await worker.hello(features=["pause"])
        await pause(worker, PAUSE)
        await worker.send(drain=pb.Drain())
        assert (await worker.event("goaway")).drain_ack
        await worker.call.done_writing()
        async with asyncio.timeout(10):
            await worker.end()


async def test_who_changes_his_mind_all_the_time_does_not_fill_the_log(
    gateway: Gateway, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with connect(gateway) as worker:
        await worker.hello(features=["pause"])
        await pause(worker, *(3 * MAX_PAUSES * (PAUSE, RESUME)))
    actions = [vars(line).get("action") for line in caplog.records]
    assert actions.count("worker_paused") == actions.count("worker_resumed") == MAX_PAUSES
