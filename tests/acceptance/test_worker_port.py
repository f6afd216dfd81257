"""Who reaches the worker port cannot take the public port's file descriptors."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.acceptance.processes import BAD, PROBE, PYTHON, Launcher, Process, connected
from tests.support.client import Cut, RawClient, RawWorker
from tests.support.plain_worker import PATH, UPGRADE

LIMIT = 300  # descriptors of the gateway
CROWD = 400
NAMES = ("Public port", "REST worker API", "gRPC worker API")


async def silent(_: RawClient) -> None:
    """Connects, and that is all."""


async def health(worker: RawClient) -> None:
    """Asks what needs no token, and stays."""
    await worker.get(b"/livez")
    await worker.head()


async def stream(worker: RawClient) -> None:
    """Opens a stream, and never says hello."""
    await worker.get(PATH, *UPGRADE)
    await worker.head()


async def refused(worker: RawClient) -> None:
    """Begins an upload that nobody wants, and stays."""
    await worker.send(b"POST /api/v1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
    await worker.head()


Attack = Callable[[RawClient], Awaitable[None]]


@dataclass(frozen=True)
class Few:
    """A gateway with few descriptors, and its ports."""

    process: Process
    port: int
    api_port: int
    grpc_port: int

    @classmethod
    def start(cls, launch: Launcher, *flags: str) -> Self:
        """With free ports."""
        command = (PYTHON, "-m", "prack_grpc", "serve", "--host=127.0.0.1", "--port=0")
        ports = ("--api-port=0", "--grpc-port=0", *flags)
        limit = f'ulimit -n {LIMIT} && exec "$@"'
        process = launch.process("sh", "-c", limit, "sh", *command, *ports)
        found = (process.line(rf'"{name} on \w+://[\d.]+:(\d+)"')[1] for name in NAMES)
        return cls(process, *map(int, found))

    def worker(self, launch: Launcher, *flags: str) -> None:
        """A worker that is connected."""
        url = f"prack://127.0.0.1:{self.api_port}"
        command = (PYTHON, "-m", "prack_worker", PROBE, "--gateway", url, *flags)
        launch.process(*command, env={"PROBE_DIR": "/nowhere"}).line("Connected to")

    def descriptors(self) -> int:
        """That it has open."""
        return len(os.listdir(f"/proc/{self.process.popen.pid}/fd"))


async def attacked(port: int, attack: Attack, stack: AsyncExitStack) -> None:
    """One of the crowd; it stays, whatever becomes of it."""
    worker = await RawWorker.connect(port)
    stack.push_async_callback(worker.close)
    worker.seconds = 1.0  # most of them wait in the kernel
    with suppress(Cut, TimeoutError, ConnectionError):
        await attack(worker)


async def served(port: int) -> None:
    """A new client gets a worker's answer."""
    async with connected(port) as client:
        await client.get(b"/run/1")
        assert (await client.response()).status == 200


@pytest.mark.parametrize(
    ("secret", "attack"), [(False, silent), (False, stream), (True, health), (True, refused)]
)
async def test_a_crowd_on_the_worker_port_leaves_clients_their_descriptors(
    launch: Launcher, tmp_path: Path, secret: bool, attack: Attack
) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("t" * 32)
    flags = ("--token-file", str(token)) if secret else ()
    gateway = Few.start(launch, *flags)
    await asyncio.to_thread(gateway.worker, launch, *flags)
    async with AsyncExitStack() as stack:
        crowd = [attacked(gateway.api_port, attack, stack) for _ in range(CROWD)]
        storm = asyncio.gather(*crowd)
        while not storm.done():
            await served(gateway.port)
        await storm
        await served(gateway.port)
        assert gateway.descriptors() < LIMIT / 2
    if not secret:  # whoever lacks it is sent away, perhaps as fast as others come
        gateway.process.line("worker_port_full")
    assert not [line for line in gateway.process.lines if BAD.search(line)]
    # The crowd has gone: whoever waited gets in.
    await asyncio.to_thread(gateway.worker, launch, *flags)


async def test_a_crowd_on_the_grpc_port_leaves_clients_their_descriptors(launch: Launcher) -> None:
    gateway = Few.start(launch)
    await asyncio.to_thread(gateway.worker, launch)
    async with AsyncExitStack() as stack:
        for _ in range(CROWD):
            stack.push_async_callback((await RawWorker.connect(gateway.grpc_port)).close)
            await served(gateway.port)
        assert gateway.descriptors() < LIMIT / 2
    assert not [line for line in gateway.process.lines if BAD.search(line)]
