"""Wrong credentials are slow, and harm nobody."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from prack_grpc.private import failures
from tests.access.conftest import Site
from tests.support import plain_worker
from tests.support.client import RawClient

DELAY = 0.05
TRIES = 20
ATTACKERS = 100


async def test_thousands_of_tries_are_slow_and_the_rightful_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(failures, "DELAY", DELAY)
    loop = asyncio.get_running_loop()
    refused: list[float] = []
    served: list[float] = []

    async def attack(attacker: int) -> None:
        for number in range(TRIES):
            raw = await RawClient.connect(site.gateway.api_port)
            began = loop.time()
            guess = b"authorization: Bearer guess-%d-%d" % (attacker, number)
            await raw.get(b"/api/v1/queue", guess)
            assert (await raw.head()).status == 401
            refused.append(loop.time() - began)
            await raw.close()

    rightful = await site.http("op")
    attackers = [asyncio.create_task(attack(number)) for number in range(ATTACKERS)]
    while not all(attacker.done() for attacker in attackers):
        began = loop.time()
        assert (await rightful.get("/api/v1/queue")).status_code == 200
        served.append(loop.time() - began)
    await asyncio.gather(*attackers)
    assert len(refused) == TRIES * ATTACKERS
    assert sum(seconds < DELAY * 0.9 for seconds in refused) <= failures.FREE
    assert min(served) < DELAY
    lines = [vars(one) for one in caplog.records if "not valid" in one.message]
    assert [line["action"] for line in lines] == ["credentials_refused"] * 10
    assert lines[0]["client"] == "127.0.0.1"


Refused = Callable[["Site"], Any]


async def over_rest(site: Site) -> None:
    assert (await (await site.http("guess")).get("/api/v1/info")).status_code == 401


async def over_admin(site: Site) -> None:
    assert (await (await site.http("guess", "admin")).get("/metrics")).status_code == 401


async def over_login(site: Site) -> None:
    reply = await (await site.http("guess", "admin")).post("/login", json={"token": "guess"})
    assert reply.status_code == 401


async def over_plain(site: Site) -> None:
    raw = await RawClient.connect(site.gateway.api_port)
    await raw.get(plain_worker.PATH, *plain_worker.UPGRADE, b"authorization: Bearer guess")
    assert (await raw.head()).status == 401
    await raw.close()


async def over_grpc(site: Site) -> None:
    worker = await site.stream("guess", "grpc")
    assert (await worker.end())[0] is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("known_by", ["secret", "jwt"])
@pytest.mark.parametrize("way", [over_rest, over_admin, over_login, over_plain, over_grpc])
async def test_every_way_in_is_slowed_and_counts(
    site: Site, way: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "DELAY", DELAY)
    for _ in range(failures.FREE):
        await over_rest(site)
    loop = asyncio.get_running_loop()
    start = loop.time()
    await way(site)
    assert loop.time() - start >= DELAY * 0.9


async def test_more_than_may_wait_are_told_so_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "FREE", 0)
    monkeypatch.setattr(failures, "MAX_WAITING", 0)
    reply = await (await site.http("guess")).get("/api/v1/info")
    assert (reply.status_code, reply.json()["code"]) == (429, "too_many_failures")
    assert reply.headers["retry-after"] == "1"
    assert (await (await site.http("op")).get("/api/v1/info")).status_code == 200
