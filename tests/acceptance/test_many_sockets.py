"""A thousand open WebSockets, a deploy of their worker, and the end of their gateway.

SOCKETS_ROUNDS=100 lets them talk longer; `pytest -rP` shows the figures.
"""

import asyncio
import os
import signal
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import psutil
import pytest

from tests.acceptance.processes import SECONDS, Gateway, Launcher
from tests.support.client import RawClient
from tests.support.frames import (
    CLOSE,
    DEFLATE,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    frame,
    open_socket,
    receive,
)
from tests.support.open_files import open_files

SOCKETS = 1000
ROUNDS = int(os.environ.get("SOCKETS_ROUNDS", "3"))
# Sockets, processes and what Python has open itself.
FILES = SOCKETS + 200
ECHO = "tests.conformance.websocket.echo:app"
KIB = 1024
MOST_KIB = 128
GOING_AWAY, SERVICE_RESTART = 1001, 1012


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Let this process, and those that it starts, open as many files as they need."""
    with open_files(FILES):
        yield


T = TypeVar("T")


class Socket:
    """One client, whose messages name it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._said = 0

    async def open(self, port: int) -> None:
        """Dial, as a browser does: with compression."""
        self._client = await RawClient.connect(port)
        self._inflate = zlib.decompressobj(wbits=-15)
        response = await open_socket(self._client, b"/%d" % self._number, DEFLATE)
        assert response.status == 101

    async def talk(self) -> None:
        """Say something, and hear it."""
        self._said += 1
        text = b"%d says %d" % (self._number, self._said)
        await self._client.send(frame(TEXT, text))
        answer = await self._hear()
        assert answer.opcode == TEXT
        assert self._inflate.decompress(answer.data + b"\0\0\xff\xff") == text

    async def closed(self) -> int:
        """Wait for the other side's close, and answer it; its code."""
        goodbye = await self._hear()
        assert goodbye.opcode == CLOSE
        self._client.writer.write(close(1000))
        assert await self._client.closed()
        await self._client.close()
        return int.from_bytes(goodbye.data[:2])

    async def leave(self) -> int:
        """Close, and wait for the answer; its code."""
        await self._client.send(close(1000))
        return await self.closed()

    async def _hear(self) -> Frame:
        """The next frame that is no ping; those are answered."""
        while (heard := await receive(self._client)).opcode == PING:
            await self._client.send(frame(PONG, heard.data))
        return heard


async def each(sockets: Sequence[Socket], do: Callable[[Socket], Awaitable[T]]) -> Counter[T]:
    """Do this with all of them at the same time; what came of it, counted."""
    return Counter(await asyncio.gather(*map(do, sockets)))


class Watch:
    """The memory and the open files of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._process = psutil.Process(gateway.popen.pid)
        self._files, self._memory = self._process.num_fds(), self._process.memory_info().rss

    def growth(self) -> int:
        """In bytes since the beginning."""
        return int(self._process.memory_info().rss - self._memory)

    async def files(self, more: int) -> None:
        """Wait until so many more files are open than at the beginning."""
        async with asyncio.timeout(SECONDS):
            while self._process.num_fds() != self._files + more:  # noqa: ASYNC110 - it is a process
                await asyncio.sleep(0.05)


async def test_a_thousand_sockets(launch: Launcher) -> None:
    gateway = launch.gateway()
    # Each slot is needed, by all sockets together.
    slots = ("prack", "--websocket-slots", str(SOCKETS))
    old = launch.worker(gateway, *slots, app=ECHO)
    watch, sockets = Watch(gateway), [Socket(number) for number in range(SOCKETS)]

    async def open_and_talk() -> None:
        await each(sockets, lambda socket: socket.open(gateway.port))
        for _ in range(ROUNDS):
            await each(sockets, Socket.talk)
        await watch.files(SOCKETS)
        each_kib = watch.growth() / SOCKETS / KIB
        print(f"{SOCKETS} sockets: {each_kib:.0f} KiB of the gateway's memory each")  # noqa: T201
        assert each_kib < MOST_KIB

    await open_and_talk()
    # A deploy: clients are told to dial again, and reach the new worker.
    new = await asyncio.to_thread(launch.worker, gateway, *slots, app=ECHO)
    old.send(signal.SIGTERM)
    assert await each(sockets, Socket.closed) == {SERVICE_RESTART: SOCKETS}
    assert await asyncio.to_thread(old.wait) == 0
    await watch.files(0)
    await open_and_talk()
    # Some leave; the others are there when the gateway is stopped.
    leaving, staying = sockets[: SOCKETS // 2], sockets[SOCKETS // 2 :]
    assert await each(leaving, Socket.leave) == {1000: len(leaving)}
    await watch.files(len(staying))
    ended = SOCKETS + len(leaving)
    await asyncio.to_thread(gateway.line, '"action": "request"', ended)
    gateway.send(signal.SIGTERM)
    assert await each(staying, Socket.closed) == {GOING_AWAY: len(staying)}
    assert await asyncio.to_thread(gateway.wait) == 0
    assert await asyncio.to_thread(new.stop) == 0
    # Every socket that was opened has ended once, and is in the access log.
    ends = Counter((record["status"], record.get("error")) for record in gateway.records())
    assert ends == {(101, None): ended, (101, "shutdown"): len(staying)}
