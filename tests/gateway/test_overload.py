"""Promises O1 and O3, and who goes first when there is more than can be served."""

import asyncio
import json
from collections.abc import Callable

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.gateway.request.problem import problem
from tests.conftest import Gateway, Start
from tests.support.client import RawClient
from tests.support.scripted_worker import ScriptedWorker, connect

LOOPBACK = "127.0.0.1/32"


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0)


async def waits(gateway: Gateway, target: bytes, *fields: bytes) -> RawClient:
    """A client whose request is in the queue."""
    queue = gateway.core.queue
    before = queue.requests
    client = await gateway.client()
    await client.get(target, *fields)
    await until(lambda: queue.requests > before)
    return client


async def served(worker: ScriptedWorker, count: int) -> list[bytes]:
    """The targets of the next requests, each answered before the next one is taken."""
    targets = []
    for _ in range(count):
        request = await worker.event("requests")
        targets.append(request.target)
        await worker.answer(request)
    return targets


async def test_one_route_leaves_room_for_the_others(start: Start) -> None:
    gateway = await start(queue_requests=4)
    async with connect(gateway.grpc_port) as worker:
        routes = [pb.Route(path="/busy"), pb.Route(path="/calm")]
        await worker.hello(slots=1, routes=routes)
        first = await gateway.client()
        await first.get(b"/busy/0")
        await worker.event("requests")
        for number in range(2):
            await waits(gateway, b"/busy/%d" % number)
        refused = await gateway.client()
        await refused.get(b"/busy/2")
        response = await refused.response()
        assert (response.status, json.loads(response.body)["code"]) == (503, "queue_full")
        assert int(response.header(b"retry-after") or 0) >= 1
        await waits(gateway, b"/calm")


async def test_a_worker_serves_its_routes_in_turn(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        routes = [pb.Route(path="/busy"), pb.Route(path="/calm")]
        await worker.hello(slots=1, routes=routes)
        client = await gateway.client()
        await client.get(b"/busy")
        request = await worker.event("requests")
        for target in (b"/busy/1", b"/busy/2", b"/busy/3", b"/calm/1", b"/calm/2"):
            await waits(gateway, target)
        await worker.answer(request)
        assert await served(worker, 5) == [
            b"/calm/1",
            b"/busy/1",
            b"/calm/2",
            b"/busy/2",
            b"/busy/3",
        ]


async def test_under_overload_the_newest_goes_first(start: Start) -> None:
    gateway = await start(newest_first_after=0.01)
    for target in (b"/1", b"/2", b"/3"):
        await waits(gateway, target)
    loop = asyncio.get_running_loop()
    old = loop.time() + 0.02
    await until(lambda: loop.time() > old)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        assert await served(worker, 3) == [b"/3", b"/2", b"/1"]


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        ({"trusted_proxies": LOOPBACK, "priority": True}, [b"/now", b"/normal", b"/later"]),
        ({"trusted_proxies": LOOPBACK}, [b"/later", b"/normal", b"/now"]),
        ({"priority": True}, [b"/later", b"/normal", b"/now"]),
    ],
)
async def test_trusted_proxies_say_what_is_urgent(
    start: Start, settings: dict[str, object], order: list[bytes]
) -> None:
    gateway = await start(**settings)
    await waits(gateway, b"/later", b"priority: u=6, i")
    await waits(gateway, b"/normal", b"priority: i")
    await waits(gateway, b"/now", b"priority: i", b"priority: u=0")
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        assert await served(worker, 3) == order


def test_a_reckoned_retry_after_is_told() -> None:
    status, headers, body = problem(GatewayError(errors.OVERLOADED, "long", 17), "r1", False)
    assert (status, dict(headers)[b"retry-after"]) == (503, b"17")
    assert json.loads(body)["code"] == "overloaded"
