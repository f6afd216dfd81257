"""A worker with several gateways keeps to one, and moves when that one stops or is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fake_gateway import FakeGateway, PlainGateway, Stream
from serving import App, serving

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.gateways.several import Several
from prack_worker.transport import Identity
from prack_worker.worker import Worker


@pytest.fixture
async def gateways() -> AsyncIterator[list[FakeGateway]]:
    """Three, on free ports."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(PlainGateway.running()) for _ in range(3)]


async def nothing(_: object) -> None:
    """No request comes."""


async def dialled(*gateways: FakeGateway) -> tuple[FakeGateway, Stream]:
    """Which of these is dialled next, and the stream."""
    tasks = {asyncio.create_task(one.welcomed()): one for one in gateways}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    [task] = done
    return tasks[task], task.result()


async def test_it_moves_when_its_gateway_stops_or_is_lost(gateways: list[FakeGateway]) -> None:
    several = Several([one.transport() for one in gateways])
    async with serving(several, nothing):
        first, stream = await dialled(*gateways)
        await stream.send(goaway=pb.Goaway(reason="stops", reconnect_in_ms=1))
        others = [one for one in gateways if one is not first]
        second, other = await dialled(*others)
        other.end()
        [last] = [one for one in others if one is not second]
        await dialled(last)


async def test_those_that_do_not_answer_are_passed_over(gateways: list[FakeGateway]) -> None:
    there = gateways[0]
    nobody = [PlainGateway.dials("127.0.0.1:1", Identity("w1")) for _ in range(3)]
    several = Several([*nobody, there.transport()])
    connecting = asyncio.create_task(several.connect(lambda _: None, 1))
    await there.welcomed()
    session = await connecting
    assert several.address == there.address
    there.end_all()
    await session.close()


async def test_where_nobody_answers_it_says_so_once_and_names_all() -> None:
    several = Several([PlainGateway.dials(f"127.0.0.1:{port}", Identity("w1")) for port in (1, 2)])
    with pytest.raises(ConnectFailed) as failed:
        await several.connect(lambda _: None, 1)
    assert several.address == "127.0.0.1:1, 127.0.0.1:2"
    assert "127.0.0.1" in str(failed.value)
    await several.close()


async def test_once_the_worker_stops_no_further_one_is_dialled(
    gateways: list[FakeGateway], caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(App(nothing), Several([one.transport() for one in gateways]), slots=1)
    running = asyncio.create_task(worker.run())
    dials = [asyncio.create_task(one.stream()) for one in gateways]
    [first], others = await asyncio.wait(dials, return_when=asyncio.FIRST_COMPLETED)
    worker.drain()
    first.result().end()
    await asyncio.wait_for(running, 5)
    assert not any(one.done() for one in others)
    assert not caplog.records, "it does not retry"
    for one in others:
        one.cancel()


async def test_workers_spread(gateways: list[FakeGateway]) -> None:
    found: set[str] = set()
    async with asyncio.timeout(10):
        while len(found) < len(gateways):
            several = Several([one.transport() for one in gateways])
            async with serving(several, nothing):
                found.add((await dialled(*gateways))[0].address)
