"""Of what belongs to another, a worker takes, answers and learns nothing: over all transports."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.private import bodies
from tests.access.conftest import BODY, POLL, Site, answer, held
from tests.access.identities import KINDS

# Whatever shows who one is.
pytestmark = pytest.mark.parametrize("known_by", KINDS)
MADE_UP = f"{'0' * 32}.1.{'0' * 16}"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"route": "b.test/", "service": "a"},
        {"route": "*.test", "service": "a"},
        {"route": "GET b.test/x", "service": "a"},
        {"route": "/", "service": "a"},
        {"route": ["a.test/", "b.test/"], "service": "a"},
        {"route": "nowhere.test/", "service": "a"},
        {"route": "a.test/", "service": "b"},
        {"route": "a.test/"},
        {"route": "a.test/", "service": "a", "tier": 1},
    ],
)
async def test_a_poll_beyond_its_scope_is_refused_whatever_is_there(
    site: Site, asked: dict[str, Any]
) -> None:
    a = await site.http("a")
    client = await site.request(b"b.test")
    members = {name: value for name, value in asked.items() if name != "route"}
    routes = asked.get("route", [])
    members["routes"] = routes if isinstance(routes, list) else [routes]
    for reply in (
        await a.get("/api/v1/request", params={**asked, "wait": 5}),
        await a.get("/api/v1/requests/next", params={**asked, "wait": 5}),
        await a.post("/api/v1/exchange", json=members | {"wait": 5}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert list(site.gateway.core.queue.sessions) == []
    b = await site.http("b")
    assert (await b.post("/api/v1/response", json=answer(await held(b)))).status_code == 200
    assert (await client.response()).status == 200


async def test_a_poll_for_more_than_its_slots_is_refused(site: Site) -> None:
    asked: dict[str, Any] = {"route": "a.test/", "service": "a", "max": 9}
    reply = await (await site.http("a")).get("/api/v1/request", params=asked)
    assert (reply.status_code, reply.json()["field"]) == (403, "slots")


def calls(identifier: str) -> list[tuple[str, str, dict[str, Any]]]:
    """All there is to say of a hand-out."""
    path = f"/api/v1/requests/{identifier}"
    return [
        ("POST", "/api/v1/response", {"json": answer(identifier)}),
        ("POST", "/api/v1/response", {"json": [answer(identifier)]}),
        ("POST", "/api/v1/request", {"json": answer(identifier)}),
        ("POST", "/api/v1/exchange", {"json": exchange(identifier)}),
        ("POST", f"{path}/error", {"json": {}}),
        ("POST", f"{path}/release", {"json": {}}),
        ("POST", f"{path}/extend", {"json": {"ms": 1000}}),
        ("POST", f"{path}/response", {"content": b"x"}),
        ("POST", f"{path}/chunks", {"json": {"seq": 0, "code": 200, "headers": {}, "end": True}}),
        ("POST", f"{path}/chunks", {"json": {"seq": 1, "data": BODY, "end": True}}),
        ("GET", f"{path}/body", {}),
        ("GET", path, {}),
        ("GET", f"{path}?wait=0.01", {}),
    ]


def exchange(identifier: str) -> dict[str, Any]:
    return {"responses": [answer(identifier)], "routes": ["a.test/"], "service": "a", "wait": 0}


async def replies(http: httpx2.AsyncClient, identifier: str) -> list[tuple[int, str]]:
    """Status and text of each call, without the name."""
    found = []
    for method, path, more in calls(identifier):
        reply = await http.request(method, path, **more)
        found.append((reply.status_code, reply.text.replace(identifier, "NAME")))
    return found


async def test_what_another_holds_or_held_is_like_what_never_was(site: Site) -> None:
    a, b = await site.http("a"), await site.http("b")
    unknown = await replies(a, MADE_UP)
    assert all(status in (200, 404) for status, _ in unknown)
    assert all("unknown_request" in text for _, text in unknown)
    first, second = await site.request(b"b.test"), await site.request(b"b.test")
    answered, open_ = await held(b), await held(b)
    chunk = {"seq": 0, "code": 200, "headers": {}, "data": BODY, "end": True}
    assert (await b.post(f"/api/v1/requests/{answered}/chunks", json=chunk)).status_code == 200
    assert (await first.response()).body == b"of a"
    for identifier in (answered, open_):
        assert await replies(a, identifier) == unknown
    for name in ("op", "eye"):
        reply = await (await site.http(name)).post("/api/v1/response", json=answer(open_))
        assert (reply.status_code, reply.json()["code"]) == (404, "unknown_request")
    assert (await b.post("/api/v1/response", json=answer(open_))).status_code == 200
    assert (await second.response()).status == 200


async def test_an_answer_that_is_too_large_spoils_nothing_of_another(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await site.http("a"), await site.http("b")
    client = await site.request(b"b.test")
    identifier = await held(b)
    with monkeypatch.context() as small:
        small.setattr(bodies, "MAX_BODY", 200)
        reply = await a.post("/api/v1/response", json=[answer(identifier)] * 9)
    assert reply.status_code == 413
    assert (await b.post("/api/v1/response", json=answer(identifier))).status_code == 200
    assert (await client.response()).status == 200


async def test_a_batch_of_a_websocket_is_for_the_workers_of_its_route(site: Site) -> None:
    a, b = await site.http("a"), await site.http("b")
    client = await site.gateway.client()
    client.host = b"b.test"
    key = b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="
    upgrade = b"connection: upgrade", b"upgrade: websocket", b"sec-websocket-version: 13"
    await client.get(b"/x", *upgrade, key)
    identifier = await held(b, websockets="events")
    asked = {"route": "b.test/", "service": "a", "websockets": "events"}
    assert (await a.get("/api/v1/request", params=asked)).status_code == 403
    assert await replies(a, identifier) == await replies(a, MADE_UP)
    refusal = {"identifier": identifier, "code": 403, "headers": {}}
    assert (await b.post("/api/v1/response", json=refusal)).status_code == 200
    assert (await client.response()).status == 403


async def test_cancellations_are_told_to_nobody_else(site: Site) -> None:
    a, b = await site.http("a"), await site.http("b")
    client = await site.request(b"b.test", b"POST")
    identifier = await held(b)
    await client.close()
    state = f"/api/v1/requests/{identifier}"
    while (await b.get(state, params={"wait": 1})).status_code != 410:
        pass
    about: dict[str, Any] = {"route": "a.test/", "service": "a", "worker": "bw", "wait": 0}
    for reply in (
        await a.get("/api/v1/request", params=about),
        await a.get("/api/v1/info", params=about),
        await a.get("/livez", params=about),
    ):
        assert "prack-cancelled" not in reply.headers
    reply = await b.get("/api/v1/request", params={**POLL, "wait": 0})
    assert reply.headers["prack-cancelled"] == identifier


async def test_a_worker_that_leaves_ends_its_own_polls_and_learns_of_no_others(site: Site) -> None:
    a, b = await site.http("a"), await site.http("b")
    parked = asyncio.create_task(held(b))
    while not site.gateway.core.queue.sessions:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    leaving = {"worker": "bw", "leaving": True}
    assert (await a.post("/api/v1/drain", json=leaving)).json() == {"workers": 0, "held": 0}
    client = await site.request(b"b.test")
    assert (await b.post("/api/v1/response", json=answer(await parked))).status_code == 200
    assert (await client.response()).status == 200


ROUTES = {"routes": [pb.Route(host="a.test")], "service": "a"}


@pytest.mark.parametrize("over", ["grpc", "plain"])
@pytest.mark.parametrize(
    ("field", "hello"),
    [
        ("routes", {"service": "a"}),
        ("routes", {**ROUTES, "routes": [pb.Route(host="b.test")]}),
        ("service", {**ROUTES, "service": "b"}),
        ("tier", {**ROUTES, "tier": 1}),
        ("slots", {**ROUTES, "slots": 9}),
        ("websocket_slots", {**ROUTES, "websocket_slots": 21}),
    ],
)
async def test_a_stream_beyond_its_scope_is_refused(
    site: Site, over: str, field: str, hello: dict[str, Any]
) -> None:
    worker = await site.stream("a", over)
    about = dict(hello)
    slots, websockets = about.pop("slots", 8), about.pop("websocket_slots", 20)
    capacity = pb.Capacity(max_in_flight=slots, max_websockets=websockets)
    said = pb.Hello(worker_id="w", minor_min=1, minor_max=1, capacity=capacity, **about)
    await worker.send(hello=said)
    error = await worker.event("error")
    assert (error.code, error.retry) == ("not_allowed", False)
    assert error.message.startswith(f"{field}: ")
    assert site.gateway.core.queue.sessions == {}


@pytest.mark.parametrize("over", ["grpc", "plain"])
@pytest.mark.parametrize("more", [{"max_in_flight": 9}, {"max_websockets": 21}])
async def test_slots_cannot_grow_past_the_scope(
    site: Site, over: str, more: dict[str, int]
) -> None:
    worker = await site.stream("a", over)
    await worker.hello("w", 8, **ROUTES)
    await worker.send(capacity=pb.Capacity(**{"max_in_flight": 8, "max_websockets": 20} | more))
    assert (await worker.event("error")).code == "not_allowed"


@pytest.mark.parametrize("over", ["grpc", "plain"])
@pytest.mark.parametrize("name", ["op", "eye"])
async def test_only_workers_have_streams(site: Site, over: str, name: str) -> None:
    worker = await site.stream(name, over)
    capacity = pb.Capacity(max_in_flight=1)
    hello = pb.Hello(worker_id="w", minor_min=1, minor_max=1, capacity=capacity)
    await worker.send(hello=hello)
    assert (await worker.event("error")).code == "not_allowed"


async def test_names_of_workers_are_their_own(site: Site) -> None:
    """A name that another has taken is free, so it tells nothing."""
    b = await site.stream("b", "plain")
    await b.hello("w", 1, routes=[pb.Route(host="b.test")], service="b", instance=b"b" * 16)
    a = await site.stream("a", "grpc")
    await a.hello("w", 1, instance=b"b" * 16, **ROUTES)
    client = await site.request(b"b.test")
    await b.answer(await b.event("requests"))
    assert (await client.response()).status == 200
    rows = (await (await site.http("op")).get("/api/v1/workers")).json()["workers"]
    assert [row["worker"] for row in rows] == ["w", "w"]
    for row, name in zip(rows, "ab", strict=True):
        assert site.known.is_named(name, row["principal"])


async def test_who_joins_is_in_the_log_with_his_credentials(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await (await site.stream("a", "plain")).hello("w", 1, **ROUTES)
    (line,) = [vars(one) for one in caplog.records if "worker connected" in one.message]
    assert line["action"] == "worker_connected"
    assert site.known.is_named("a", line["principal"])
