"""A worker that runs beside other work of its loop: `async with`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_gateway import FakeGateway, Stream
from serving import App

from prack.v1 import worker_pb2 as pb
from prack_worker import AsgiApplication, GatewayRefused, LifespanFailed, Worker
from prack_worker.exchange import Exchange


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [], b"hello", end=True)


async def let_go(stream: Stream) -> None:
    """What a gateway does when a worker drains."""
    while (frame := await stream.frame()) is not None and not frame.HasField("drain"):
        pass
    await stream.send(goaway=pb.Goaway(drain_ack=True, last_id=1))


async def test_it_is_welcomed_serves_and_drains(gateway: FakeGateway) -> None:
    held, release, entered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def welcome() -> Stream:
        stream = await gateway.stream()
        assert not entered.is_set()
        await stream.welcome()
        return stream

    welcoming = asyncio.create_task(welcome())

    async def slow(exchange: Exchange) -> None:
        held.set()
        await release.wait()
        await hello(exchange)

    async with Worker(App(slow), gateway.transport(), slots=1):
        entered.set()
        stream = await welcoming
        await stream.request()
        await held.wait()
        letting_go = asyncio.create_task(let_go(stream))
        letting_go.add_done_callback(lambda _: release.set())
    frame = await stream.frame()
    assert frame is not None
    assert frame.heads[0].status == 200
    assert await stream.frame() is None


async def test_it_is_drained_after_an_exception_too(gateway: FakeGateway) -> None:
    async def go() -> None:
        stream = await gateway.welcomed()
        await let_go(stream)

    async def fail() -> None:
        async with Worker(App(hello), gateway.transport(), slots=1):
            raise ZeroDivisionError

    going = asyncio.create_task(go())
    with pytest.raises(ZeroDivisionError):
        await fail()
    await going


async def test_a_refusal_is_raised_on_entry(gateway: FakeGateway) -> None:
    async def refuse() -> None:
        stream = await gateway.stream()
        await stream.send(error=pb.StreamError(code="bad_hello", message="no such route"))

    refusing = asyncio.create_task(refuse())
    with pytest.raises(GatewayRefused, match="no such route"):
        await entered(Worker(App(hello), gateway.transport(), slots=1))
    await refusing


async def test_a_failed_start_is_raised_on_entry(gateway: FakeGateway) -> None:
    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanFailed, match="no database"):
        await entered(Worker(AsgiApplication(app), gateway.transport(), slots=1))


async def test_who_waits_for_a_gateway_may_give_up(gateway: FakeGateway) -> None:
    entering = asyncio.create_task(entered(Worker(App(hello), gateway.transport(), slots=1)))
    stream = await gateway.stream()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert await stream.frame() is None


async def entered(worker: Worker) -> None:
    async with worker:
        pytest.fail("it was not welcomed")
