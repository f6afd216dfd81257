"""Requests one by one: in flight, ended, found again, with their timelines."""

import pytest

from tests.conftest import Gateway
from tests.dashboard.conftest import Admin, Join


async def test_what_is_in_flight_is_told_slowest_first(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker = await join(slots=1)
    clients = [await gateway.client() for _ in range(2)]
    for number, client in enumerate(clients):
        await client.get(b"/%d?q=1" % number)
        if not number:
            await worker.script.event("requests")
    found = await admin.get("exchanges", state="live", sort="slowest")
    rows = found["exchanges"]
    assert found["total"] == 2
    assert [(row["target"], row["state"], row["worker"]) for row in rows] == [
        ("/0?q=1", "answering", "w1"),
        ("/1?q=1", "waiting", ""),
    ]
    assert rows[0]["duration"] >= rows[1]["duration"] > 0
    timeline = await admin.get(f"exchanges/{rows[0]['id']}")
    assert [one["worker"] for one in timeline["hand_outs"]] == ["w1"]
    assert timeline["ended_at"] is None


async def test_what_has_ended_adds_up(gateway: Gateway, admin: Admin, join: Join) -> None:
    worker, client = await join(service="shop", version="v1"), await gateway.client()
    await client.post(b"four", b"/buy")
    request = await worker.answer(201)
    await client.response()
    (row,) = (await admin.get("exchanges"))["exchanges"]
    assert row["id"] == request.request_id
    told = [row[name] for name in ("method", "target", "status", "outcome", "service", "route")]
    assert told == ["POST", "/buy", 201, "worker", "shop", "*/"]
    assert (row["bytes_in"], row["bytes_out"], row["transport"]) == (4, 2, "prack")
    parts = row["queue"] + row["worker_time"] + row["gateway"]
    assert parts == pytest.approx(row["duration"], abs=0.005)


async def test_a_second_hand_out_stands_in_the_timeline(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    first, client = await join("first"), await gateway.client()
    await client.get(b"/twice")
    await first.script.event("requests")
    second = await join("second")
    await first.script.close()
    await second.answer()
    await client.response()
    (row,) = (await admin.get("exchanges"))["exchanges"]
    assert (row["attempt"], row["worker"]) == (2, "second")
    timeline = await admin.get(f"exchanges/{row['id']}")
    hand_outs = timeline["hand_outs"]
    assert [(one["worker"], one["attempt"]) for one in hand_outs] == [("first", 1), ("second", 2)]
    assert timeline["received_at"] <= hand_outs[0]["at"] <= hand_outs[1]["at"]
    assert hand_outs[1]["at"] <= timeline["first_byte_at"] <= timeline["ended_at"]


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ({"status": "5xx"}, ["/b"]),
        ({"status": "404"}, ["/c"]),
        ({"text": "/a"}, ["/a"]),
        ({"text": "nowhere"}, []),
        ({"worker": "w1", "sort": "errors"}, ["/b", "/c", "/a"]),
        ({"route": "*/", "most": 1, "sort": "newest"}, ["/c"]),
        ({"route": "other/"}, []),
    ],
)
async def test_ended_ones_are_filtered(
    gateway: Gateway, admin: Admin, join: Join, query: dict[str, str], targets: list[str]
) -> None:
    worker, client = await join(), await gateway.client()
    for target, status in ((b"/a", 200), (b"/b", 503), (b"/c", 404)):
        await client.get(target)
        await worker.answer(status)
        await client.response()
    found = await admin.get("exchanges", **query)
    assert [row["target"] for row in found["exchanges"]] == targets
    assert found["total"] >= len(targets)


async def test_an_error_of_the_gateway_is_told_as_its_own(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker, client = await join(), await gateway.client()
    await client.post(b"x")
    await worker.script.event("requests")
    await worker.script.close()
    assert (await client.response()).status == 502
    (row,) = (await admin.get("exchanges"))["exchanges"]
    assert (row["status"], row["outcome"], row["error"]) == (502, "gateway", "worker_lost")


async def test_one_that_nobody_remembers_is_not_found(admin: Admin) -> None:
    response = await admin.http.get("/api/v1/exchanges/0123")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.json()["detail"] == "no request with this id is remembered"


async def test_what_clients_send_is_text_here(gateway: Gateway, admin: Admin, join: Join) -> None:
    worker, client = await join(), await gateway.client()
    await client.get(b"/%3Cscript%3E?<script>alert(1)</script>")
    await worker.answer()
    await client.response()
    response = await admin.http.get("/api/v1/exchanges")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    (row,) = response.json()["exchanges"]
    assert row["target"] == "/%3Cscript%3E?<script>alert(1)</script>"
