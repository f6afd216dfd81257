"""Rows P93 of docs/promises.md: how many connections a client may have."""

import asyncio
import json
import logging
import socket
from dataclasses import replace

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http import admission as admission_rules
from prack_grpc.gateway.http.admission import PRESSED_SECONDS, Admission
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.request.addresses import client_of
from tests.conftest import Gateway, Start
from tests.support.client import SECONDS, RawClient
from tests.support.scripted_worker import connect


async def client_from(gateway: Gateway, address: str) -> RawClient:
    """A client with this address, which has asked nothing yet."""
    client = await RawClient.connect(gateway.port, address)
    gateway.clients.append(client)
    return client


async def welcome(client: RawClient) -> bool:
    """Whether this client is served."""
    await client.get(b"*", method=b"OPTIONS")
    return (await client.response()).status == 204


async def left(gateway: Gateway, client: RawClient) -> None:
    """Have this client, the only one, leave."""
    await client.close()
    async with asyncio.timeout(SECONDS):
        while gateway.connections():  # noqa: ASYNC110 - nothing tells of a connection's end
            await asyncio.sleep(0.005)


async def websocket(gateway: Gateway) -> ClientConnection:
    """A WebSocket that was accepted."""
    return await open_websocket(f"ws://127.0.0.1:{gateway.port}", proxy=None)


async def test_p93_a_client_with_too_many_connections_is_told(start: Start) -> None:
    gateway = await start(max_connections_per_client=2)
    first, second = await gateway.client(), await gateway.client()
    assert await welcome(first)
    third = await gateway.client()
    await third.get(b"/")
    refusal = await third.response()
    assert (refusal.status, json.loads(refusal.body)["code"]) == (429, "too_many_connections")
    assert refusal.header(b"connection") == b"close"
    assert refusal.header(b"retry-after") == b"1"
    assert await third.closed()
    assert await welcome(first)
    assert await welcome(second)


async def test_p93_who_goes_makes_room(start: Start) -> None:
    gateway = await start(max_connections_per_client=1)
    for _ in range(5):
        client = await gateway.client()
        assert await welcome(client)
        await left(gateway, client)


async def test_p93_one_client_keeps_out_no_other(start: Start) -> None:
    gateway = await start(max_connections_per_client=1)
    crowd = [await gateway.client() for _ in range(5)]
    assert await welcome(crowd[0])
    assert await welcome(await client_from(gateway, "127.0.0.2"))


async def test_p93_those_who_are_told_are_not_too_many_either(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(max_connections_per_client=2)
    clients = [await gateway.client() for _ in range(6)]
    assert (await clients[2].response()).status == 429
    for client in clients[3:]:
        assert await client.closed()
    assert len(gateway.connections()) <= 3
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (vars(line).get("action"), vars(line)["client"]) == ("client_full", "127.0.0.1")


async def test_p93_those_who_are_told_leave_room_for_others(start: Start) -> None:
    """Half of all is one client's share, as by default; those who linger had the other half."""
    gateway = await start(guard=ConnectionLimits(connections=20, client_connections=10))
    for _ in range(40):
        await gateway.client()
    for _ in range(5):
        assert await welcome(await client_from(gateway, "127.0.0.2"))


async def test_p93_a_trusted_proxy_has_many_clients(start: Start) -> None:
    gateway = await start(max_connections_per_client=1, trusted_proxies="127.0.0.0/30")
    for client in [await gateway.client() for _ in range(5)]:
        assert await welcome(client)


async def test_p93_a_websocket_is_a_connection_too(start: Start) -> None:
    gateway = await start(max_connections_per_client=1)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        for _ in range(3):
            opening = asyncio.create_task(websocket(gateway))
            request = await worker.event("requests")
            await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
            opened = await opening
            refused = await gateway.client()
            assert (await refused.response()).status == 429
            await left(gateway, refused)
            opened.transport.abort()
            assert (await worker.event("cancels")).id == request.id
            await worker.send(aborts=[pb.Abort(id=request.id)])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_one_client_is_an_address_or_a_network_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same


def test_idle_connections_give_way_under_pressure() -> None:
    limits = ConnectionLimits(keep_alive_seconds=75, connections=4)
    patient = Admission(limits, exempt=lambda _: False)
    short = Admission(replace(limits, keep_alive_seconds=1), exempt=lambda _: False)
    with socket.socket() as connection:
        number = connection.fileno()
        for admission, calm, pressed in ((patient, 75, PRESSED_SECONDS), (short, 1, 1)):
            places = [admission.enter(number, ("192.0.2.1", 1)) for _ in range(3)]
            assert admission.idle_seconds == calm
            places.append(admission.enter(number, ("192.0.2.2", 1)))
            assert admission.idle_seconds == pressed
            places.pop().leave()
            assert admission.idle_seconds == calm


async def test_under_pressure_a_connection_is_closed_after_its_response(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission_rules, "PRESSED_SECONDS", 0.1)
    gateway = await start(guard=ConnectionLimits(connections=3, keep_alive_seconds=60))
    first = await gateway.client()
    assert await welcome(first)
    others = [await gateway.client() for _ in range(2)]
    assert await welcome(others[1])
    assert await others[1].closed()
    assert await welcome(first)


async def test_more_connections_than_there_may_be_are_closed(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(guard=ConnectionLimits(connections=2))
    first, *_ = [await gateway.client() for _ in range(2)]
    for _ in range(3):
        assert await (await gateway.client()).closed()
    assert await welcome(first)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [vars(record)["action"] for record in warnings] == ["connections_full"]
