"""Looking at a gateway, dividing its traffic, and taking workers out of service."""

import asyncio
from typing import Any

import pytest

from tests.rest.conftest import Api, answer

Params = dict[str, str | int]


async def look(api: Api, what: str) -> Any:
    response = await api.http.get(f"/api/v1/{what}")
    assert response.status_code == 200
    return response.json()


async def call(api: Api, method: str, path: str, message: Any) -> tuple[int, Any]:
    response = await api.http.request(method, f"/api/v1/{path}", json=message)
    return response.status_code, response.json()


async def divide(api: Api, **message: Any) -> tuple[int, Any]:
    return await call(api, "PUT", "traffic", {"service": "web", **message})


def poll(api: Api, **query: Any) -> asyncio.Task[dict[str, Any]]:
    """A poll that is parked, or has its request by now."""
    return asyncio.create_task(api.pull(**query))


async def serve(api: Api, version: str) -> int:
    """Answer all that a worker of this version is given; how many that was."""
    params: Params = {"service": "web", "version": version, "max": 100, "wait": 0}
    requests = (await api.http.get("/api/v1/request", params=params)).json()["requests"]
    await api.answer([answer(one["identifier"], version.encode()) for one in requests])
    return len(requests)


# ---------------------------------------------------------------- looking


async def test_the_queue_conserves(api: Api) -> None:
    tickets = [api.submit() for _ in range(3)]
    api.broker.leave(tickets[2])
    identifier = (await api.pull())["identifier"]
    queue = await look(api, "queue")
    assert (queue["waiting"], queue["in_flight"], queue["open_leases"]) == (1, 2, 1)
    assert queue["accepted"] == sum(queue["done"].values()) + queue["in_flight"] == 3
    assert queue["leased"] == sum(queue["leases"].values()) + queue["open_leases"] == 1
    await api.answer(answer(identifier))
    api.broker.complete(tickets[0])
    queue = await look(api, "queue")
    assert queue["done"] == {"worker": 1, "gateway_error": 0, "client_gone": 1}


async def test_workers_and_routes_show_who_waits_for_what(api: Api) -> None:
    parked = poll(api, worker="w1", service="web", version="v1", route="/shop", tier=3)
    await api.parked(1)
    api.submit()
    (worker,) = (await look(api, "workers"))["workers"]
    del worker["seconds"]
    assert worker == {
        "worker": "w1",
        "service": "web",
        "version": "v1",
        "state": "active",
        "slots": 1,
        "held": 0,
        "websockets": 0,
        "tier": 3,
        "transport": "rest",
        "address": "127.0.0.1",
        "routes": ["*/shop"],
        "principal": "anyone",
    }
    rows = {row["route"]: row for row in (await look(api, "routes"))["routes"]}
    assert rows.keys() == {"*/", "*/shop"}
    assert (rows["*/"]["waiting"], rows["*/"]["workers"]) == (1, 0)
    assert (rows["*/shop"]["waiting"], rows["*/shop"]["workers"], rows["*/shop"]["free"]) == (
        0,
        1,
        1,
    )
    api.submit(target=b"/shop")
    await parked


# ---------------------------------------------------------------- versions


async def test_traffic_is_divided_by_weight(api: Api) -> None:
    assert (await divide(api, weights={"v2": 10, "v1": 90}))[0] == 200
    for version in ("v1", "v2"):
        assert await serve(api, version) == 0  # so that both are known
    for _ in range(100):
        api.submit()
    assert [await serve(api, version) for version in ("v2", "v1")] == [10, 90]
    (row,) = (await look(api, "traffic"))["traffic"]
    assert row == {"service": "web", "weights": {"v2": 10, "v1": 90}, "sticky": None}


async def test_clients_stick_to_their_version(api: Api) -> None:
    await divide(api, weights={"v2": 50, "v1": 50}, sticky="cookie:user")
    for version in ("v1", "v2"):
        await serve(api, version)
    served: dict[bytes, set[str]] = {}
    for user in [b"%d" % (n % 10) for n in range(40)]:
        api.submit(headers=[(b"cookie", b"a=b; user=" + user)])
        for version in ("v1", "v2"):
            if await serve(api, version):
                served.setdefault(user, set()).add(version)
    assert all(len(versions) == 1 for versions in served.values())
    assert set.union(*served.values()) == {"v1", "v2"}


async def test_a_version_that_is_not_named_gets_nothing(api: Api) -> None:
    await divide(api, weights={"v1": 1})
    api.submit()
    assert await serve(api, "v3") == 0
    versions = {row["version"]: row for row in (await look(api, "versions"))["versions"]}
    assert versions.keys() <= {"v1", "v3"}
    assert await serve(api, "v1") == 1


async def test_a_division_can_be_ended(api: Api) -> None:
    await divide(api, weights={"v1": 1})
    api.submit()
    assert (await divide(api, weights={})) == (200, {"service": "web", "weights": {}})
    assert await serve(api, "v3") == 1
    assert (await look(api, "traffic")) == {"traffic": []}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"weights": {"v1": -1}}, "weights"),
        ({"weights": {"v1": 0}}, "weights"),
        ({"weights": {"v1": 1.5}}, "weights"),
        ({"weights": {"v1": True}}, "weights"),
        ({"weights": {"v 1": 1}}, "weights"),
        ({"weights": {str(n): 1 for n in range(17)}}, "weights"),
        ({"weights": {"v1": 1_000_001}}, "weights"),
        ({"weights": ["v1"]}, "weights"),
        ({}, "weights"),
        ({"weights": {"v1": 1}, "sticky": "ip"}, "sticky"),
        ({"weights": {"v1": 1}, "sticky": "cookie:"}, "sticky"),
        ({"weights": {"v1": 1}, "sticky": 5}, "sticky"),
        ({"weights": {"v1": 1}, "service": 5}, "service"),
    ],
)
async def test_a_bad_division_changes_nothing(api: Api, message: Any, field: str) -> None:
    status, problem = await divide(api, **message)
    assert (status, problem["code"], problem["field"]) == (400, "bad_parameter", field)
    assert (await look(api, "traffic")) == {"traffic": []}


# ---------------------------------------------------------------- drain


async def test_a_drained_version_finishes_and_is_safe_to_stop(api: Api) -> None:
    api.submit()
    identifier = (await api.pull(worker="w1", service="web", version="v1"))["identifier"]
    drained = {"service": "web", "version": "v1"}
    assert await call(api, "POST", "drain", drained) == (200, {"workers": 1, "held": 1})
    (row,) = (await look(api, "versions"))["versions"]
    assert (row["state"], row["held"]) == ("draining", 1)
    api.submit()
    parked = poll(api, worker="w1", service="web", version="v1")
    await api.parked(2)
    assert (await api.answer(answer(identifier))).status_code == 200
    (row,) = (await look(api, "versions"))["versions"]
    assert (row["state"], row["held"]) == ("drained", 0)
    assert (await look(api, "queue"))["waiting"] == 1
    assert (await call(api, "POST", "resume", drained))[0] == 200
    await parked
    (row,) = (await look(api, "versions"))["versions"]
    assert row["state"] == "active"


async def test_parked_polls_of_a_drained_worker_return_at_once(api: Api) -> None:
    params: Params = {"wait": 60, "worker": "w1"}
    polls = [api.http.get("/api/v1/request", params=params) for _ in range(2)]
    parked = [asyncio.create_task(one) for one in polls]
    await api.parked(2)
    await call(api, "POST", "drain", {"worker": "w1"})
    assert [(await one).status_code for one in parked] == [404, 404]


async def test_a_worker_that_leaves_is_not_drained_for_ever(api: Api) -> None:
    parked = asyncio.create_task(
        api.http.get("/api/v1/request", params={"wait": 60, "worker": "w1"})
    )
    await api.parked(1)
    await call(api, "POST", "drain", {"worker": "w1", "leaving": True})
    assert (await parked).status_code == 404
    api.submit()
    assert await api.pull(worker="w1")


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"worker": ""},
        {"worker": 5},
        {"worker": "a b"},
        {"worker": "w1", "service": "web"},
        {"service": "web"},
        {"service": "web", "version": 5},
        {"worker": "w1", "leaving": "true"},
        {"worker": "w1", "leaving": 1},
    ],
)
async def test_whoever_is_not_named_well_is_not_drained(api: Api, message: Any) -> None:
    status, problem = await call(api, "POST", "drain", message)
    assert (status, problem["code"]) == (400, "bad_parameter")
    api.submit()
    assert await api.pull(worker="w1", service="web")


# ---------------------------------------------------------------- leases and tiers


async def test_a_lease_that_runs_out_means_a_lost_worker(api: Api) -> None:
    ticket = api.submit()
    first = await api.pull(lease=1)
    assert first["environment"]["prack.deadline_ms"] <= 1000
    again = await api.pull(lease=1)
    assert again["environment"]["prack.attempt"] == 2
    late = await api.answer(answer(first["identifier"]))
    assert (late.status_code, late.json()["code"]) == (409, "stale_lease")
    assert (await api.answer(answer(again["identifier"]))).status_code == 200
    assert (await ticket.head()).body == b"hello"


async def test_a_higher_tier_waits(api: Api) -> None:
    far = poll(api, worker="far", tier=1)
    await api.parked(1)
    near = poll(api, worker="near")
    await api.parked(2)
    api.submit(target=b"/near")
    assert (await near)["environment"]["PATH_INFO"] == "/near"
    api.submit(target=b"/far")
    assert (await far)["environment"]["PATH_INFO"] == "/far"


@pytest.mark.parametrize(
    "query", [{"tier": "10"}, {"tier": "-1"}, {"tier": "x"}, {"lease": "0"}, {"lease": "3601"}]
)
async def test_bad_tiers_and_leases_are_refused(api: Api, query: dict[str, str]) -> None:
    response = await api.http.get("/api/v1/request", params={"wait": 0, **query})
    (field,) = query
    assert (response.status_code, response.json()["field"]) == (400, field)
