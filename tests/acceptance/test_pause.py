"""A worker that pauses, over each of its ways to a gateway process."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest

from prack_worker.exchange import Exchange
from prack_worker.rest.transport import RestTransport
from prack_worker.stream.grpc import GrpcTransport
from prack_worker.stream.plain import TcpTransport
from prack_worker.transport import Identity, Transport
from prack_worker.worker import Worker
from tests.acceptance.processes import OVER, SECONDS, Gateway, Launcher, fetch


class Hello:
    """An application that says so."""

    interruptible = True

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def handle(self, exchange: Exchange) -> None:
        await exchange.send_head(200, [], b"hello", end=True)


def transport(gateway: Gateway, over: str) -> Transport:
    """Made on the event loop."""
    if over == "rest":
        return RestTransport(gateway.url(over), Identity("w1"))
    kind = GrpcTransport if over == "grpc" else TcpTransport
    return kind(gateway.url(over).partition("//")[2], Identity("w1"))


async def told(gateway: Gateway, what: str, enough: Callable[[Any], bool]) -> None:
    """Wait until the gateway says this of its queue, or of its workers."""
    deadline, said = time.monotonic() + SECONDS, None
    while time.monotonic() < deadline:
        reply = await asyncio.to_thread(fetch, gateway.api_port, f"/api/v1/{what}")
        said = json.loads(reply.body)
        if enough(said):
            return
    raise AssertionError(f"the gateway says of its {what}: {said}")


@pytest.mark.parametrize("over", OVER)
async def test_requests_wait_for_a_worker_that_has_paused(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    worker = Worker(Hello(), transport(gateway, over), slots=4)
    running = asyncio.create_task(worker.run())
    assert (await asyncio.to_thread(fetch, gateway.port, "/")).body == b"hello"
    worker.pause()
    paused = [] if over == "rest" else ["paused"]  # one that does not poll is not there
    await told(gateway, "workers", lambda s: [row["state"] for row in s["workers"]] == paused)
    waiting = asyncio.create_task(asyncio.to_thread(fetch, gateway.port, "/"))
    await told(gateway, "queue", lambda s: bool(s["waiting"] == 1))
    worker.resume()
    assert (await waiting).body == b"hello"
    worker.drain()
    await asyncio.wait_for(running, SECONDS)
