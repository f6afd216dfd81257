"""Networks that may connect to the private ports, over real sockets."""

import logging
from typing import Any

import grpc
import pytest

from tests.conftest import Gateway, Start
from tests.support.client import RawWorker
from tests.support.plain_worker import connect as connect_plain
from tests.support.scripted_worker import CONNECT
from tests.support.scripted_worker import connect as connect_grpc

HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
ELSEWHERE = "127.0.0.2/32,10.0.0.0/8"
HERE = "127.0.0.1/32,::1/128"


async def answers(gateway: Gateway, port: int, target: bytes) -> bool:
    """Whether this port does; if not, the connection ended without a byte."""
    client = await RawWorker.connect(port)
    gateway.clients.append(client)
    await client.get(target)
    if await client.reader.read(1):
        return True
    assert await client.closed()
    return False


def complaints(caplog: pytest.LogCaptureFixture) -> list[tuple[object, object]]:
    """Warnings: the action, and whose connection it was."""
    lines = [vars(one) for one in caplog.records if one.levelno >= logging.WARNING]
    return [(line["action"], line["client"]) for line in lines]


@pytest.mark.parametrize(
    ("setting", "port", "target"),
    [
        ("worker_networks", "api_port", b"/health/live"),
        ("admin_networks", "admin_port", b"/metrics"),
    ],
)
async def test_a_private_port_is_closed_to_other_networks(
    start: Start, caplog: pytest.LogCaptureFixture, setting: str, port: str, target: bytes
) -> None:
    closed = await start(**{setting: ELSEWHERE})
    for _ in range(3):
        assert not await answers(closed, getattr(closed, port), target)
    assert complaints(caplog) == [("outside_networks", "127.0.0.1")]
    assert f"--{setting.replace('_', '-')}" in caplog.text
    other = "api_port" if port == "admin_port" else "admin_port"
    assert await answers(closed, getattr(closed, other), b"/health/live")
    opened = await start(**{setting: HERE})
    assert await answers(opened, getattr(opened, port), target)


async def test_workers_of_these_networks_work(start: Start) -> None:
    gateway = await start(worker_networks=HERE)
    async with connect_plain(gateway.api_port) as plain, connect_grpc(gateway.grpc_port) as over:
        await plain.hello("plain")
        await over.hello("grpc")
        assert len(gateway.core.queue.sessions) == 2


async def test_no_call_of_grpc_is_served_to_other_networks(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(worker_networks=ELSEWHERE, reflection=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        calls: list[Any] = [
            channel.unary_unary(f"{HEALTH}/Check", bytes, bytes)(b""),
            channel.unary_stream(f"{HEALTH}/Watch", bytes, bytes)(b""),
            channel.stream_stream(CONNECT)(),
            channel.stream_stream(REFLECTION)(),
        ]
        for call in calls:
            assert await call.code() is grpc.StatusCode.PERMISSION_DENIED
            assert "--worker-networks" in await call.details()
    assert not gateway.core.queue.sessions
    assert complaints(caplog) == [("outside_networks", "127.0.0.1")]


async def test_the_public_port_is_open_to_all(start: Start) -> None:
    gateway = await start(worker_networks=ELSEWHERE, admin_networks=ELSEWHERE)
    client = await gateway.client()
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204
