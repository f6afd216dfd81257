"""Whichever gateway is asked, its answer is that of all."""

import asyncio
import re
import subprocess
from typing import Any

import pytest

from prack_grpc.neighbours import asking
from tests.dashboard.conftest import pushed
from tests.neighbours.conftest import Join, Member, Pair, link
from tests.rest.conftest import until
from tests.support.tools import needed

POOL: dict[str, Any] = {"service": "shop", "version": "v1"}


async def looked(*members: Member) -> None:
    """Each has looked at itself since, as it does each second."""
    for member in members:
        async with member.admin.stream("GET", "/api/v1/events") as response:
            updates = pushed(response)
            await anext(updates), await anext(updates)


async def asked(pair: Pair, count: int, route: bytes = b"/") -> None:
    """So many requests come to each gateway."""
    for member in (pair.here, pair.there):
        client = await member.gateway.client()
        for _ in range(count):
            await client.get(route)
            client = await member.gateway.client()
    cores = [member.gateway.core for member in (pair.here, pair.there)]
    await until(lambda: all(len(core.exchanges) == count for core in cores))


async def test_a_gateway_alone_answers_as_ever(alone: Join) -> None:
    one = await alone()
    assert "unanswered" not in await one.told("queue")
    assert "gateways" not in await one.shown("overview")
    assert "gateway=" not in (await one.admin.get("/metrics")).text
    (row,) = (await one.told("gateways"))["gateways"]
    assert (row["gateway"], row["link"]) == (one.id, "this gateway")


async def test_operators_see_the_workers_of_all(pair: Pair) -> None:
    await pair.here.join("w1", **POOL)
    await pair.there.join("w2", 3, **POOL)
    for one in (pair.here, pair.there):
        workers = await one.told("workers")
        homes = {row["worker"]: row["gateways"] for row in workers["workers"]}
        assert homes == {"w1": [pair.here.id], "w2": [pair.there.id]}
        assert workers["unanswered"] == []
        (version,) = (await one.told("versions"))["versions"]
        assert (version["workers"], version["slots"], version["state"]) == (2, 7, "active")


async def test_what_waits_anywhere_is_one_queue(pair: Pair) -> None:
    await asked(pair, 2)
    queue = await pair.there.told("queue")
    assert (queue["waiting"], queue["in_flight"], queue["accepted"]) == (4, 4, 4)
    assert set(queue["done"]) == {"worker", "gateway_error", "client_gone"}
    (route,) = (await pair.here.told("routes"))["routes"]
    assert (route["route"], route["waiting"], route["workers"]) == ("*/", 4, 0)


async def test_the_page_shows_all(pair: Pair) -> None:
    await pair.here.join("w1", **POOL)
    worker = await pair.there.join("w2", 3, **POOL)
    client = await pair.there.gateway.client()
    await client.get(b"/there")
    await worker.answer()
    await client.response()
    await client.get(b"/again")
    await until(lambda: bool(pair.there.gateway.core.exchanges))
    one = pair.here
    await looked(pair.there)
    async with one.admin.stream("GET", "/api/v1/events") as response:
        updates = pushed(response)
        overview = (await anext(updates))["overview"]
        update = await anext(updates)
    assert update["overview"]["slots"] == {"total": 7, "used": 1}
    assert update["point"]["slots"] == 7
    assert overview["workers"]["active"] == 2
    assert [gateway["id"] for gateway in overview["gateways"]] == [pair.here.id, pair.there.id]
    assert not [one for one in overview["sentences"] if "no worker" in one["text"]]
    texts = [mark["text"] for mark in (await one.shown("history"))["marks"]]
    assert {"w1 has joined", "w2 has joined"} <= set(texts) | {
        text.replace("shop v1: its first worker has joined", "w1 has joined") for text in texts
    }
    rows = (await one.shown("workers", sort="held"))["workers"]
    assert [(row["worker"], row["held"]) for row in rows] == [("w2", 1), ("w1", 0)]
    assert (await one.shown("workers", most=1))["total"] == 2
    live = (await one.shown("exchanges", state="live"))["exchanges"]
    assert [(row["target"], row["gateways"]) for row in live] == [("/again", [pair.there.id])]
    timeline = await one.shown(f"exchanges/{live[0]['id']}")
    assert timeline["hand_outs"][0]["worker"] == "w2"


async def test_an_id_that_no_gateway_knows_is_unknown(pair: Pair) -> None:
    assert (await pair.here.admin.get("/api/v1/exchanges/nobody")).status_code == 404


async def test_metrics_of_all_are_told_apart(pair: Pair) -> None:
    await pair.here.join("w1", **POOL)
    await pair.there.join("w2", 3, **POOL)
    await looked(pair.here, pair.there)
    text = (await pair.here.admin.get("/metrics")).text
    for member, slots in ((pair.here, 4), (pair.there, 3)):
        line = f'prack_slots{{gateway="{member.id}",service="shop",version="v1"}} {slots}.0'
        assert line in text.splitlines()
        assert f'prack_gateway_up{{gateway="{member.id}"}} 1.0' in text.splitlines()
    assert text.count("# TYPE prack_slots gauge") == 1
    command = needed("promtool", "prometheus"), "check", "metrics"
    found = await asyncio.to_thread(
        subprocess.run, command, input=text, capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    own = (await pair.here.admin.get("/metrics", params={"gateways": "own"})).text
    assert set(re.findall('gateway="(.*?)"', own)) == {pair.here.id}


async def test_how_many_slots_are_wanted_is_reckoned_for_all(pair: Pair) -> None:
    await asked(pair, 3)
    await looked(pair.here, pair.there)
    both = await pair.here.shown("scale", route="*/")
    alone = (await pair.here.admin.get("/api/v1/scale", params={"route": "*/"})).json()
    assert both["waiting"] == alone["waiting"] == 6
    assert both["slots_wanted"] >= 1
    assert [row["waiting"] for row in (await pair.here.shown("scale"))["routes"]] == [6]
    missing = await pair.here.admin.get("/api/v1/scale", params={"route": "x/"})
    assert missing.status_code == 404


async def test_what_only_a_neighbour_knows_is_known(pair: Pair) -> None:
    await pair.there.join("w2", **POOL)
    await looked(pair.there)
    assert (await pair.here.shown("scale", service="shop"))["slots"] == 4


async def test_a_gateway_that_does_not_answer_is_named(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0)
    await pair.here.join("w1")
    workers = await pair.here.told("workers")
    assert [row["worker"] for row in workers["workers"]] == ["w1"]
    assert workers["unanswered"] == [pair.there.id]
    (sentence,) = (await pair.here.shown("overview"))["sentences"]
    assert sentence["level"] == "warning"
    assert f"gateway {pair.there.id} did not answer" in sentence["text"]
    text = (await pair.here.admin.get("/metrics")).text
    assert f'prack_gateway_up{{gateway="{pair.there.id}"}} 0.0' in text.splitlines()


async def test_the_gateways_are_listed(pair: Pair) -> None:
    for rows in (await pair.here.told("gateways"), await pair.here.shown("gateways")):
        own, other = rows["gateways"]
        assert (own["gateway"], own["round_trip"]) == (pair.here.id, None)
        assert (other["gateway"], other["link"], other["lent"]) == (pair.there.id, "up", 0)


async def test_three_gateways_answer_once_each(alone: Join) -> None:
    members = [await alone() for _ in range(3)]
    await link(*members)
    for number, member in enumerate(members):
        await member.join(f"w{number}")
    rows = (await members[1].told("workers"))["workers"]
    assert [row["worker"] for row in rows] == ["w0", "w1", "w2"]
