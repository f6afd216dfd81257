"""O4: a slot is not a hostage. Slow clients beside a canary, whose requests must all be answered.

Everything has its defaults: that is what an attacker meets.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.acceptance.processes import SECONDS, Gateway, Launcher, connected, fetch
from tests.support.client import RawClient
from tests.support.frames import CLOSE, open_socket, receive

APPS = "tests.acceptance.slow_apps"
SLOTS = {"asgi": 64, "wsgi": 8}
GETS = 30
RATE = 1024  # bytes a second
CHUNKED = b"transfer-encoding: chunked"
Attack = Callable[[RawClient], Coroutine[object, object, None]]


async def chunked(client: RawClient) -> None:
    """A body of any length, slowly."""
    await client.get(b"/", CHUNKED, method=b"POST")
    while True:
        await client.send(b"%x\r\n%b\r\n" % (RATE, bytes(RATE)))
        await asyncio.sleep(1)


async def declared(client: RawClient) -> None:
    """A large body, slowly."""
    await client.get(b"/", b"content-length: 10000000", method=b"POST")
    while True:
        await client.send(bytes(RATE))
        await asyncio.sleep(1)


async def silent(client: RawClient) -> None:
    """Waits to be asked for its body, and then sends none."""
    await client.get(b"/", b"content-length: 10000000", b"expect: 100-continue", method=b"POST")


async def idle(client: RawClient) -> None:
    """Opens a WebSocket, and says nothing."""
    assert (await open_socket(client, b"/")).status == 101


def reader(target: bytes) -> Attack:
    """Asks for something large, and reads it slowly."""

    async def attack(client: RawClient) -> None:
        await client.get(target)
        while True:
            await client.reader.readexactly(RATE)
            await asyncio.sleep(1)

    return attack


async def the_queue(gateway: Gateway) -> dict[str, Any]:
    """What operators see."""
    queue = await asyncio.to_thread(fetch, gateway.api_port, "/api/v1/queue")
    shown: dict[str, Any] = json.loads(queue.body)
    return shown


async def canary(gateway: Gateway) -> None:
    """A normal client."""
    async with connected(gateway.port) as client:
        for _ in range(GETS):
            await client.get(b"/")
            response = await client.response()
            assert (response.status, response.body) == (200, b"0")


async def under(gateway: Gateway, attack: Attack, count: int) -> None:
    """So many clients that do this, and a canary beside them."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        clients = [await stack.enter_async_context(connected(gateway.port)) for _ in range(count)]
        tasks = [group.create_task(attack(client)) for client in clients]
        async with asyncio.timeout(SECONDS):
            while (await the_queue(gateway))["in_flight"] < count:  # noqa: ASYNC110 - it is a process
                await asyncio.sleep(0.05)
        await canary(gateway)
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize(
    ("interface", "attack", "count"),
    [
        ("wsgi", chunked, 8),
        ("wsgi", declared, 8),
        ("asgi", chunked, 64),
        ("asgi", declared, 64),
        ("asgi", silent, 300),
    ],
)
async def test_o4_slow_senders_leave_slots_to_others(
    launch: Launcher, interface: str, attack: Attack, count: int
) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, app=f"{APPS}:{interface}")
    await under(gateway, attack, count)


async def test_o4_websockets_leave_slots_to_others(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, app=f"{APPS}:asgi")
    await under(gateway, idle, 64)


async def test_o4_who_has_all_websockets_gives_one_back_to_others(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--websocket-slots", "8", app=f"{APPS}:asgi")
    async with AsyncExitStack() as stack:
        hogs = [await stack.enter_async_context(connected(gateway.port)) for _ in range(8)]
        for hog in hogs:
            await idle(hog)
        other = await stack.enter_async_context(connected(gateway.port, "127.0.0.2"))
        await idle(other)
        # The one that has been silent for longest.
        closed = await receive(hogs[0])
        assert (closed.opcode, closed.data) == (CLOSE, (1013).to_bytes(2, "big") + b"overloaded")


@pytest.mark.parametrize(("share", "gets", "at_once"), [("0.5", 3, True), ("1", 1, False)])
async def test_o3_who_has_all_slots_leaves_the_next_one_to_others(
    launch: Launcher, share: str, gets: int, at_once: bool
) -> None:
    gateway = launch.gateway("--client-share", share)
    launch.worker(gateway, "prack", "--slots", "8", app=f"{APPS}:asgi")
    answers, waited = 0, []

    async def hog() -> None:
        nonlocal answers
        async with connected(gateway.port) as client:
            while True:
                await client.get(b"/slow")
                await client.response()
                answers += 1

    async with asyncio.TaskGroup() as group:
        hogs = [group.create_task(hog()) for _ in range(100)]
        async with asyncio.timeout(SECONDS):
            while (await the_queue(gateway))["in_flight"] < 100:  # noqa: ASYNC110 - it is a process
                await asyncio.sleep(0.05)
            async with connected(gateway.port, "127.0.0.2") as other:
                for _ in range(gets):
                    before = answers
                    await other.get(b"/")
                    assert (await other.response()).status == 200
                    waited.append(answers - before)
        for task in hogs:
            task.cancel()
    # Of 8 that began together, all may end before one of others is answered.
    assert all(count <= 16 for count in waited) is at_once, waited


@pytest.mark.parametrize("target", [b"/large", b"/endless"])
async def test_o4_slow_readers_leave_slots_to_others(launch: Launcher, target: bytes) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, app=f"{APPS}:asgi")
    await under(gateway, reader(target), 64)
    done = (await the_queue(gateway))["done"]
    assert bool(done["gateway_error"]) is (target == b"/endless"), "what fits the buffer is not cut"


async def test_o3_one_client_leaves_room_to_read_ahead_to_others(launch: Launcher) -> None:
    gateway = launch.gateway("--queue-bytes", "32MiB")
    launch.worker(gateway, "prack", "--slots", "2", app=f"{APPS}:asgi")

    async def hoard(client: RawClient) -> None:
        """As much of a body as is read ahead, and then little."""
        await client.get(b"/", b"content-length: 5000000", method=b"POST")
        await client.send(bytes(1_000_000))
        while True:
            await client.send(bytes(RATE))
            await asyncio.sleep(1)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        clients = [
            await stack.enter_async_context(connected(gateway.port, "127.0.0.2")) for _ in range(24)
        ]
        tasks = [group.create_task(hoard(client)) for client in clients]
        async with asyncio.timeout(SECONDS):
            while (await the_queue(gateway))["waiting_bytes"] < 7_000_000:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            async with connected(gateway.port) as other:
                for size in (70_000, 300_000, 900_000) * 3:
                    length = b"content-length: %d" % size
                    await other.get(b"/", length, method=b"POST")
                    await other.send(bytes(size))
                    assert (await other.response()).body == b"%d" % size
        for task in tasks:
            task.cancel()


async def test_one_that_waits_for_room_is_asked_for_its_body_and_must_send_it(
    launch: Launcher,
) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--slots", "2", app=f"{APPS}:asgi")
    async with connected(gateway.port) as first, connected(gateway.port) as second:
        await silent(first)
        assert (await first.head()).status == 100
        await silent(second)
        assert (await second.head()).status == 100
        await canary(gateway)


async def test_bodies_that_are_sent_need_no_room(launch: Launcher) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, "prack", "--slots", "2", app=f"{APPS}:asgi")
    async with connected(gateway.port) as slow, connected(gateway.port) as client:
        await slow.get(b"/", CHUNKED, method=b"POST")
        for _ in range(3):
            await client.get(b"/", CHUNKED, method=b"POST")
            await client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (500_000, bytes(500_000)))
            assert (await client.response()).body == b"500000"
        await slow.send(b"0\r\n\r\n")
        assert (await slow.response()).body == b"0"
