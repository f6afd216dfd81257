"""Clients that do not speak TLS, speak it slowly, or come in crowds."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from prack_grpc.gateway.http.limits import ConnectionLimits
from tests.conftest import Gateway, Start
from tests.support.certificates import Authority, Issued
from tests.support.client import RawClient
from tests.support.scripted_worker import connect
from tests.tls.conftest import secure

HEADER = b"PROXY TCP4 %b 192.0.2.1 4000 443\r\n"
BEHIND: dict[str, Any] = {"proxy_protocol": True, "trusted_proxies": "127.0.0.1/32"}


async def is_served(client: RawClient) -> bool:
    """Whether this client gets an answer."""
    await client.get(b"*", method=b"OPTIONS")
    return (await client.response()).status == 204


async def test_plain_http_is_told_what_is_spoken(start: Start, shown: Issued) -> None:
    gateway = await start(**shown.settings(), **shown.settings("api_tls"))
    for port in (gateway.port, gateway.api_port, gateway.admin_port):
        client = await RawClient.connect(port)
        gateway.clients.append(client)
        await client.get()
        answer = await client.response()
        assert answer.status == 400
        assert "https://" in json.loads(answer.body)["detail"]
        assert await client.closed()


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x00\xff\x01"])
async def test_a_slow_handshake_is_ended(start: Start, shown: Issued, sent: bytes) -> None:
    gateway = await start(ConnectionLimits(handshake_seconds=0.1), **shown.settings())
    client = await gateway.client()
    await client.send(sent)
    assert await client.closed()


async def test_what_is_not_tls_is_ended_and_logged_with_the_reason(
    start: Start, shown: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(**shown.settings())
    client = await gateway.client()
    await client.send(b"\x16\x03\x01\x00\x05hello")
    await client.reader.read()
    (about,) = [found for one in caplog.records if "reason" in (found := vars(one))]
    assert (about["action"], about["client"]) == ("tls_failed", "127.0.0.1")
    assert about["reason"]


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x00\xff\x01"])
async def test_the_oldest_of_too_many_handshakes_gives_way(
    start: Start, authority: Authority, shown: Issued, sent: bytes
) -> None:
    gateway = await start(ConnectionLimits(handshakes=2), **shown.settings())
    silent = [await gateway.client() for _ in range(2)]
    for client in silent:
        await client.send(sent)
    assert await is_served(await secure(gateway, authority))
    assert await silent[0].closed()
    assert not silent[1].reader.at_eof()


async def test_who_is_greeted_has_a_place_already(
    start: Start, authority: Authority, shown: Issued
) -> None:
    gateway = await start(max_connections_per_client=2, **shown.settings())
    silent = await gateway.client()
    assert await is_served(await secure(gateway, authority))
    third = await secure(gateway, authority)
    assert (await third.response()).status == 429
    assert await third.closed()
    fourth = await gateway.client()
    assert await fourth.closed()
    await silent.close()
    client = await served_at_last(gateway, authority)
    assert await is_served(client)


async def test_a_proxy_header_comes_before_the_handshake(
    start: Start, authority: Authority, shown: Issued
) -> None:
    gateway = await start(**BEHIND, **shown.settings())
    client = await proxied(gateway, authority)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        await client.get()
        request = await worker.event("requests")
        fields = dict(zip(request.headers[::2], request.headers[1::2], strict=True))
        assert fields[b"x-forwarded-for"] == b"192.0.2.7"
        assert fields[b"x-forwarded-proto"] == b"https"
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_limits_over_tls_are_those_of_the_client_that_is_named(
    start: Start, authority: Authority, shown: Issued
) -> None:
    gateway = await start(max_connections_per_client=1, **BEHIND, **shown.settings())
    assert await is_served(await proxied(gateway, authority))
    second = await proxied(gateway, authority)
    assert (await second.response()).status == 429
    assert await is_served(await proxied(gateway, authority, "192.0.2.8"))


@pytest.mark.parametrize(
    "sent",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4000",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
    ids=["slow", "bad", "TLS at once", "HTTP at once"],
)
async def test_without_a_header_there_is_no_handshake(
    start: Start, shown: Issued, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    limits = ConnectionLimits(head_seconds=0.1, handshake_seconds=60.0)
    gateway = await start(limits, **BEHIND, **shown.settings())
    client = await gateway.client()
    await client.send(sent)
    with suppress(ConnectionResetError):
        assert await client.reader.read() == b"", "it was answered"
    actions = [about["action"] for one in caplog.records if "action" in (about := vars(one))]
    assert actions == ["proxy_protocol_refused"]


async def test_a_slow_handshake_behind_a_header_is_ended(start: Start, shown: Issued) -> None:
    limits = ConnectionLimits(head_seconds=60.0, handshake_seconds=0.1)
    gateway = await start(limits, **BEHIND, **shown.settings())
    client = await gateway.client()
    await client.send(HEADER % b"192.0.2.7")
    assert await client.closed()


async def proxied(gateway: Gateway, authority: Authority, address: str = "192.0.2.7") -> RawClient:
    """A client that speaks TLS behind a proxy, which names this address."""
    client = await gateway.client()
    await client.send(HEADER % address.encode())
    await client.writer.start_tls(authority.client(), server_hostname="localhost")
    return client


async def served_at_last(gateway: Gateway, authority: Authority) -> RawClient:
    """A client that comes again until those before it are gone."""
    async with asyncio.timeout(10):
        while True:
            client = await secure(gateway, authority)
            if await is_served(client):
                return client
