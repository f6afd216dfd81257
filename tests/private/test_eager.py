"""Coroutines that have begun without a task go on in one as if it had begun them."""

import asyncio
from typing import Any

import pytest

from prack_grpc.private.eager import resumed

Steps = list[str]


async def wait_twice(steps: Steps, first: "asyncio.Future[str]") -> str:
    """Two waits, and what is done when it is cancelled in one of them."""
    try:
        steps.append(await first)
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        steps.append("cleaned up")
        raise
    return "done"


def begun(steps: Steps, first: "asyncio.Future[str]") -> "asyncio.Task[str]":
    """A task for a coroutine that waits already."""
    work = wait_twice(steps, first)
    waits = work.send(None)

    async def go_on() -> Any:
        return await resumed(work, waits)

    return asyncio.get_running_loop().create_task(go_on())


async def test_it_goes_on_with_what_it_has_waited_for() -> None:
    steps: Steps = []
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = begun(steps, first)
    first.set_result("first")
    assert await task == "done"
    assert steps == ["first"]


async def test_it_hears_of_its_cancellation_and_may_wait_then() -> None:
    steps: Steps = []
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = begun(steps, first)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["cleaned up"]


async def test_it_may_end_when_it_is_cancelled() -> None:
    async def stay() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return "ended"
        return "never"

    work = stay()
    waits = work.send(None)

    async def go_on() -> str:
        return await resumed(work, waits)

    task = asyncio.get_running_loop().create_task(go_on())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "ended"
