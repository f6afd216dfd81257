"""The figures of the admin port, against traffic whose numbers are known."""

import pytest

from tests.conftest import Gateway
from tests.dashboard.conftest import Admin, Join, pushed


async def test_an_overview_tells_what_was_asked_and_answered(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker, client = await join(service="shop", version="v1"), await gateway.client()
    for status in (200, 200, 200, 500):
        await client.get()
        await worker.answer(status)
        await client.response()
    overview = (await admin.update())["overview"]
    traffic, seconds = overview["traffic"], overview["window"]
    assert traffic["requests_per_second"] * seconds == pytest.approx(4)
    assert traffic["bytes_out_per_second"] * seconds == pytest.approx(8)
    assert traffic["errors"] == {"gateway": 0.0, "worker": 0.25, "client_gone": 0.0}
    wait = traffic["wait"]
    assert 0 < wait["worker"]["p50"] <= wait["total"]["p95"] <= wait["total"]["p99"]
    assert overview["slots"] == {"total": 8, "used": 0}
    assert overview["workers"] == {"active": 1, "paused": 0, "draining": 0, "drained": 0}
    assert overview["clients"] == {"connections": 1, "websockets": 0}
    assert overview["gateway"]["state"] == "ready"
    assert overview["gateway"]["dial"] == f"prack://127.0.0.1:{gateway.api_port}"


async def test_an_update_has_the_last_second_and_the_new_marks(admin: Admin, join: Join) -> None:
    async with admin.http.stream("GET", "/api/v1/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        updates = pushed(response)
        assert (await anext(updates))["marks"] == []
        await join(service="shop", version="v7")
        second = await anext(updates)
    marks = [(mark["kind"], mark["worker"], mark["version"]) for mark in second["marks"]]
    assert marks == [("deploy", "w1", "v7")]
    assert second["point"]["slots"] == 8
    assert {"requests", "total_p95", "queue_p50", "gateway_p99"} <= second["point"].keys()


async def test_the_history_has_a_value_for_each_second(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker, client = await join(), await gateway.client()
    await client.get()
    await worker.answer()
    await client.response()
    await admin.update()
    history = await admin.get("history")
    lengths = {len(values) for values in history["series"].values()}
    assert len(lengths) == 1
    assert sum(history["series"]["requests"]) == 1
    assert history["step"] == 1
    assert [mark["kind"] for mark in history["marks"]] == ["started", "joined"]


async def test_a_route_that_waits_says_what_would_help(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker = await join(slots=1, routes=[{"host": "shop.test", "path": "/"}])
    clients = [await gateway.client() for _ in range(3)]
    for client in clients:
        client.host = b"shop.test"
        await client.get()
    await worker.script.event("requests")
    found = await admin.get("routes", text="shop")
    (route,) = [row for row in found["routes"] if row["kind"] == "http"]
    assert (route["waiting"], route["busy"], route["free"], route["slots"]) == (2, 1, 0, 1)
    assert route["sentence"].startswith("shop.test/: 2 waiting, 0 of 1 slots free")


async def test_a_route_without_workers_is_critical(gateway: Gateway, admin: Admin) -> None:
    client = await gateway.client()
    await client.get()
    await admin.update()
    overview = await admin.get("overview")
    assert overview["queue"]["waiting"] == 1
    worst = overview["sentences"][0]
    assert worst["level"] == "critical"
    assert worst["route"] == "*/"
    assert "no worker is connected" in worst["text"]


async def test_workers_are_told_with_what_they_did(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    fast, slow = await join("fast"), await join("slow")
    client = await gateway.client()
    for worker in (fast, slow):  # the one that waits longest gets the next
        await client.get()
        await worker.answer(500 if worker is slow else 200)
        await client.response()
    await admin.update()
    found = await admin.get("workers", sort="errors")
    assert found["total"] == 2
    assert [row["worker"] for row in found["workers"]] == ["slow", "fast"]
    row = found["workers"][0]
    assert row["errors"] == {"gateway": 0.0, "worker": 1.0, "client_gone": 0.0}
    assert (row["state"], row["transport"], row["slots"]) == ("active", "prack", 8)
    assert row["address"].startswith("127.0.0.1:")
    assert row["p50"] > 0
    found = await admin.get("workers", text="fa", most=1)
    assert [row["worker"] for row in found["workers"]] == ["fast"]


async def test_a_worker_that_is_lost_is_told_as_lost(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker, client = await join(), await gateway.client()
    await admin.update()
    await client.post(b"x")
    await worker.script.event("requests")
    await worker.script.close()
    assert (await client.response()).status == 502
    overview = (await admin.update())["overview"]
    (row,) = (await admin.get("workers"))["workers"]
    assert (row["state"], row["slots"]) == ("lost", 0)
    texts = [sentence["text"] for sentence in overview["sentences"]]
    assert any(text.startswith("w1 was lost") for text in texts)
    assert overview["traffic"]["errors"]["gateway"] == 1.0


async def test_versions_stand_side_by_side(gateway: Gateway, admin: Admin, join: Join) -> None:
    old = await join("old", service="shop", version="v1")
    new = await join("new", service="shop", version="v2")
    response = await admin.http.put(
        "/api/v1/traffic",
        json={"service": "shop", "weights": {"v1": 1, "v2": 1}},
        headers={"X-Prack-Request": "1"},
    )
    assert response.status_code == 200, response.text
    clients = [await gateway.client() for _ in range(2)]
    for client in clients:
        await client.get()
    await old.answer()
    await new.answer(500)
    for client in clients:
        await client.response()
    rows = (await admin.get("versions"))["versions"]
    told = [(row["service"], row["version"], row["weight"], row["state"]) for row in rows]
    assert told == [("shop", "v1", 1, "active"), ("shop", "v2", 1, "active")]
    assert [row["errors"]["worker"] for row in rows] == [0.0, 1.0]
    assert (await admin.get("traffic"))["traffic"][0]["weights"] == {"v1": 1, "v2": 1}
