"""Rows P94 and C16 of docs/promises.md: a gateway that has too few file descriptors."""

import asyncio
import json
import os
import resource
from contextlib import AsyncExitStack

from prack_grpc.gateway.http.descriptors import SPARE
from prack_grpc.gateway.http.limits import ConnectionLimits
from tests.acceptance.processes import (
    PYTHON,
    SECONDS,
    Gateway,
    Launcher,
    Process,
    connected,
)
from tests.support.client import RawClient


def allow(gateway: Gateway, more: int) -> None:
    """Let it have so many descriptors more than it has now."""
    pid = gateway.popen.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    soft = len(os.listdir(f"/proc/{pid}/fd")) + more
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


async def served(client: RawClient) -> bool:
    """Whether a worker answers this client."""
    await client.get(b"/run/1")
    return (await client.response()).status == 200


async def test_p94_clients_wait_for_descriptors_and_others_are_served(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    async with AsyncExitStack() as crowd, AsyncExitStack() as others:
        early = await others.enter_async_context(connected(gateway.port))
        assert await served(early)
        # Half of the spare ones are kept, as if workers had taken the other half.
        allow(gateway, SPARE // 2 + 4)
        for _ in range(10):
            await (await crowd.enter_async_context(connected(gateway.port))).get(b"/run/crowd")
        gateway.line("descriptors_short")
        late = [await others.enter_async_context(connected(gateway.port)) for _ in range(50)]
        waiting = [asyncio.create_task(served(client)) for client in late]
        for _ in range(10):
            assert await served(early)
        assert not any(task.done() for task in waiting)
        await crowd.aclose()
        assert await asyncio.wait_for(waiting[0], SECONDS)
        assert await served(early)
        allow(gateway, 1000)
        assert all(await asyncio.gather(*waiting))
    assert len(gateway.records("descriptors_short")) == 1


async def test_p94_without_any_descriptor_the_others_are_served(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway)
    async with connected(gateway.port) as early:
        assert await served(early)
        allow(gateway, 0)
        async with AsyncExitStack() as crowd:
            for _ in range(20):
                await crowd.enter_async_context(connected(gateway.port))
                assert await served(early)
        allow(gateway, 1000)
        async with connected(gateway.port) as late:
            assert await served(late)
    assert len(gateway.records("descriptors_short")) <= 1


def limited(launch: Launcher, limit: str) -> Process:
    """A gateway that was started with this `ulimit`."""
    command = (PYTHON, "-m", "prack_grpc", "serve", "--host=127.0.0.1", "--port=0")
    ports = ("--api-port=0", "--grpc-port=0")
    gateway = launch.process("sh", "-c", f'{limit} && exec "$@"', "sh", *command, *ports)
    gateway.line("Public port")
    return gateway


def test_c16_a_limit_that_is_too_low_is_said_at_the_start(launch: Launcher) -> None:
    gateway = limited(launch, "ulimit -n 300")
    said = json.loads(gateway.line(".*ulimit -n is too low.*")[0])
    assert (said["level"], said["connections"], said["of_one_client"]) == ("warning", 236, 118)


def test_c16_a_limit_that_may_be_raised_is(launch: Launcher) -> None:
    gateway = limited(launch, "ulimit -Sn 300")
    soft, hard = resource.prlimit(gateway.popen.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 2 * ConnectionLimits().connections + SPARE)
