"""Promise O3: limits by rate, over real sockets; who is one client, and what it is told."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from prack_grpc.core.limits import Limits
from tests.conftest import Gateway, Start
from tests.gateway.http.test_admission import client_from
from tests.support.canary import GET, canary, running, serve
from tests.support.client import RawClient, RawWorker, Response
from tests.support.frames import open_socket
from tests.support.plain_worker import connect

LOOPBACK = "127.0.0.1/32"
CLIENT = "127.0.0.2"


@asynccontextmanager
async def answering(gateway: Gateway) -> AsyncIterator[None]:
    """A worker answers everything inside."""
    async with connect(gateway.api_port) as worker:
        await worker.hello(slots=10)
        async with running(serve(worker)):
            yield


async def ask(client: RawClient, target: bytes, *fields: bytes) -> Response:
    """One request, and what comes of it."""
    await client.get(target, *fields)
    return await client.response()


async def statuses(client: RawClient, count: int, *fields: bytes) -> list[int]:
    """Those of so many requests, one after the other."""
    return [(await ask(client, b"/", *fields)).status for _ in range(count)]


async def test_who_asks_too_often_is_told_when_to_come_back(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 2")
    async with answering(gateway):
        client = await gateway.client()
        assert await statuses(client, 2) == [200, 200]
        refusal = await ask(client, b"/")
        assert (refusal.status, json.loads(refusal.body)["code"]) == (429, "rate_limited")
        seconds = refusal.header(b"retry-after") or b""
        assert 0 < int(seconds) <= 60
        assert refusal.header(b"ratelimit-policy") == b'"client";q=2;w=120'
        assert refusal.header(b"ratelimit") == b'"client";r=0;t=' + seconds
        assert await statuses(client, 1) == [429]  # the connection is kept
        assert await statuses(await client_from(gateway, CLIENT), 1) == [200]


async def test_the_log_and_the_figures_know_who_was_refused(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prack.access")
    gateway = await start(rate_limit="1/m", trusted_proxies=LOOPBACK)
    async with answering(gateway):
        proxy = await gateway.client()
        assert await statuses(proxy, 2, b"x-forwarded-for: 192.0.2.1") == [200, 429]
    lines = [vars(one) for one in caplog.records if one.name == "prack.access"]
    refused = [line for line in lines if "error" in line]
    assert [(line["error"], line["client"]) for line in refused] == [("rate_limited", "192.0.2.1")]
    figures = await RawWorker.connect(gateway.admin_port)
    gateway.clients.append(figures)
    assert b'error="rate_limited"' in (await ask(figures, b"/metrics")).body


async def test_routes_have_limits_of_their_own(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 3; /login = 1/m")
    async with answering(gateway):
        client = await gateway.client()
        targets = (b"/login", b"/login?again", b"/", b"/", b"/", b"/", b"/login")
        seen = [(await ask(client, target)).status for target in targets]
        assert seen == [200, 429, 200, 200, 200, 429, 429]


async def test_a_body_that_is_to_come_is_refused_before_it_is_read(start: Start) -> None:
    gateway = await start(rate_limit="1/m")
    async with answering(gateway):
        client = await gateway.client()
        assert await statuses(client, 1) == [200]
        await client.get(b"/", b"content-length: 1000000", b"expect: 100-continue", method=b"PUT")
        refusal = await client.response()
        assert (refusal.status, refusal.header(b"connection")) == (429, b"close")
        assert await client.closed()


async def test_a_handshake_counts_as_a_request(start: Start) -> None:
    gateway = await start(rate_limit="1/m")
    async with answering(gateway):
        assert await statuses(await gateway.client(), 1) == [200]
        refusal = await open_socket(await gateway.client())
        assert (refusal.status, json.loads(refusal.body)["code"]) == (429, "rate_limited")
        assert refusal.header(b"ratelimit-policy") == b'"client";q=1;w=60'


async def test_behind_a_trusted_proxy_each_client_counts(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 2", trusted_proxies=LOOPBACK)
    async with answering(gateway):
        proxy = await gateway.client()
        flooding = b"x-forwarded-for: 198.51.100.7"
        for number in range(200):
            other = b"x-forwarded-for: 192.0.2.%d" % number
            status = 200 if number < 2 else 429
            assert await statuses(proxy, 1, flooding) == [status]
            assert await statuses(proxy, 1, other) == [200]
        assert await statuses(proxy, 5) == [200] * 5  # the proxy itself
        stranger = await client_from(gateway, CLIENT)
        assert await statuses(stranger, 3, other) == [200, 200, 429]
        assert await statuses(stranger, 1, b"x-forwarded-for: 192.0.2.250") == [429]


async def test_a_crowd_of_10_000_addresses_frees_nobody_from_his_limit(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 2", trusted_proxies=LOOPBACK)
    async with answering(gateway):
        proxy, known = await gateway.client(), b"x-forwarded-for: 198.51.100.7"
        assert await statuses(proxy, 3, known) == [200, 200, 429]
        for number in range(Limits().rated_clients):
            one = b"x-forwarded-for: 10.1.%d.%d" % divmod(number, 256)
            assert await statuses(proxy, 1, one) == [200]
        assert await statuses(proxy, 1, known) == [429]
        assert await statuses(proxy, 1, b"x-forwarded-for: 192.0.2.1") == [200]


async def test_a_network_of_ipv6_is_one_client(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 2", trusted_proxies=LOOPBACK)
    async with answering(gateway):
        proxy = await gateway.client()
        site = [b"x-forwarded-for: 2001:db8:0:1::%x" % number for number in range(3)]
        assert [(await statuses(proxy, 1, one))[0] for one in site] == [200, 200, 429]
        assert await statuses(proxy, 1, b"x-forwarded-for: 2001:db8:0:2::1") == [200]


async def test_a_flood_has_its_burst_and_a_canary_beside_it_all_it_asks(start: Start) -> None:
    gateway = await start(rate_limit="1/m burst 100")
    async with canary(gateway) as bird:
        flooding = await client_from(gateway, CLIENT)
        seen = []
        for _ in range(20):
            await flooding.send(GET * 25)
            await bird.answers(2)
            seen += [(await flooding.response()).status for _ in range(25)]
        assert (seen.count(200), seen.count(429)) == (100, 400)
