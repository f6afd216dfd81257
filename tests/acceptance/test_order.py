"""One queue: oldest first, nothing lost, nothing twice, no slot used twice at a time."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from itertools import chain

import pytest

from tests.acceptance.processes import OVER, Gateway, Launcher, Process, connected

WAITING = 50
REQUESTS = 10_000
CONNECTIONS = 50
MOST_CPU = 0.001  # seconds of the gateway for one of them, on any machine
SLOTS = 12  # of each of three workers, so that requests wait


def ran(worker: Process) -> list[str]:
    """What a worker has run, in its order."""
    return [line.removeprefix("ran ") for line in worker.lines if line.startswith("ran ")]


@pytest.mark.parametrize("over", OVER)
async def test_one_slot_serves_clients_in_their_order(
    launch: Launcher, gateway: Gateway, over: str
) -> None:
    async with AsyncExitStack() as stack:
        control = await stack.enter_async_context(connected(gateway.api_port))
        clients = [await stack.enter_async_context(connected(gateway.port)) for _ in range(WAITING)]
        for number, client in enumerate(clients):
            await client.get(b"/run/%d" % number)
            # One loop reads all sockets: what was sent before this was read before it.
            await control.get(b"/readyz")
            assert (await control.response()).status == 200
        worker = await asyncio.to_thread(launch.worker, gateway, over, "--slots", "1")
        for number, client in enumerate(clients):
            response = await client.response()
            assert response.status == 200
            assert response.body == b"%d 1" % number, "the request, and how many ran"
    worker.line(f"^ran {WAITING - 1}$")
    assert ran(worker) == [str(number) for number in range(WAITING)]


async def test_ten_thousand_requests_are_answered_once_each(
    launch: Launcher, gateway: Gateway
) -> None:
    slots = ("--slots", str(SLOTS))
    starting = (asyncio.to_thread(launch.worker, gateway, over, *slots) for over in OVER)
    workers = await asyncio.gather(*starting)

    async def browse(first: int) -> None:
        async with connected(gateway.port) as client:
            for number in range(first, REQUESTS, CONNECTIONS):
                await client.get(b"/run/%d" % number)
                response = await client.response()
                assert response.status == 200
                nonce, running = map(int, response.body.split())
                assert nonce == number
                assert running <= SLOTS

    before = gateway.cpu()
    await asyncio.gather(*map(browse, range(CONNECTIONS)))
    assert gateway.cpu() - before < REQUESTS * MOST_CPU
    shares = [ran(worker) for worker in workers]
    assert all(shares), "all have worked"
    assert Counter(chain(*shares)) == Counter(map(str, range(REQUESTS)))
