"""Who may call the admin port, what it answers to mistakes, and its health."""

import logging

import httpx2
import pytest

from prack_grpc.private.health import Health
from tests.conftest import Start
from tests.dashboard.conftest import Admin, Join
from tests.rest.conftest import SECONDS, TLS

TOKEN = "0123456789abcdef0123456789abcdef"
FIGURES = ("overview", "history", "routes", "workers", "versions", "exchanges", "scale")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("routes?most=0", "most"),
        ("routes?most=1001", "most"),
        ("workers?sort=size", "sort"),
        ("exchanges?state=dead", "state"),
        ("exchanges?status=6xx", "status"),
        ("exchanges?text=" + "x" * 513, "text"),
        ("scale?wait=0", "wait"),
        ("scale?wait=nan", "wait"),
        ("scale?route=*/&service=shop", "service"),
        ("scale?route=nowhere", "route"),
    ],
)
async def test_a_mistake_is_told_by_its_field(admin: Admin, path: str, field: str) -> None:
    response = await admin.http.get(f"/api/v1/{path}")
    assert response.status_code in (400, 404)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["field"] == field
    assert response.json()["detail"]


async def test_what_changes_something_needs_a_field_that_no_page_can_send(
    admin: Admin, join: Join
) -> None:
    await join()
    for path in ("drain", "resume"):
        response = await admin.http.post(f"/api/v1/{path}", json={"worker": "w1"})
        assert (response.status_code, response.json()["code"]) == (403, "cross_site")
    (row,) = (await admin.get("workers"))["workers"] or [{"state": "active"}]
    assert row["state"] == "active"


@pytest.mark.parametrize(
    "field",
    [
        ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Host", "evil.example"),
    ],
)
async def test_pages_of_others_get_nothing(admin: Admin, field: tuple[str, str]) -> None:
    fields = dict((field, ("X-Prack-Request", "1")))
    for method, path in (("GET", "overview"), ("POST", "drain")):
        response = await admin.http.request(method, f"/api/v1/{path}", headers=fields)
        assert response.status_code == 403


async def test_a_drain_is_in_the_log_with_who_did_it(
    admin: Admin, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    await join()
    with caplog.at_level(logging.INFO):
        response = await admin.post("drain", worker="w1")
    assert response.json() == {"workers": 1, "held": 0}
    lines = [vars(line) for line in caplog.records if vars(line).get("action") == "drained"]
    assert [(line["worker"], line["operator"]) for line in lines] == [("w1", "127.0.0.1")]
    await admin.update()
    (row,) = (await admin.get("workers"))["workers"]
    assert row["state"] == "drained"
    assert (await admin.post("resume", worker="w1")).status_code == 200
    assert (await admin.get("history"))["marks"][-1]["kind"] == "resume"


async def test_bad_actions_change_nothing(admin: Admin) -> None:
    for message in ({}, {"worker": 1}, {"service": "shop"}):
        response = await admin.post("drain", **message)
        assert (response.status_code, response.json()["field"]) == (400, "worker")


async def test_everything_is_described(admin: Admin) -> None:
    schema = (await admin.http.get("/openapi.json")).json()
    paths = {f"/api/v1/{name}" for name in (*FIGURES, "events", "drain", "resume", "traffic")}
    assert paths <= schema["paths"].keys()
    overview = schema["paths"]["/api/v1/overview"]["get"]["responses"]["200"]
    assert overview["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Overview"
    }


async def test_the_page_runs_nothing_but_its_own(admin: Admin) -> None:
    response = await admin.http.get("/")
    assert response.status_code == 200
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-frame-options"] == "DENY"


async def test_nothing_else_is_served(admin: Admin) -> None:
    for path in ("/nowhere", "/static/../app.py", "/static/nowhere.js", "/docs"):
        response = await admin.http.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    response = await admin.http.delete("/api/v1/workers", headers={"X-Prack-Request": "1"})
    assert response.status_code == 405


def client(port: int, token: str = "") -> httpx2.AsyncClient:
    fields = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"http://127.0.0.1:{port}"
    return httpx2.AsyncClient(base_url=url, timeout=SECONDS, verify=TLS, headers=fields)


async def test_with_a_token_whatever_tells_something_needs_it(start: Start) -> None:
    port = (await start(admin_token=TOKEN)).admin_port
    async with client(port) as stranger, client(port, TOKEN) as operator:
        for path in ("/api/v1/overview", "/api/v1/events/", "/metrics", "/api/v1/me", "/nowhere"):
            assert (await stranger.get(path)).status_code == 401
            assert (await operator.get(path)).status_code != 401
        for path in ("/livez", "/healthz", "/readyz", "/", "/static/page.js"):
            assert (await stranger.get(path)).status_code == 200


async def test_without_figures_there_is_health(start: Start) -> None:
    port = (await start(metrics=False)).admin_port
    async with client(port) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        assert (await http.get("/api/v1/overview")).status_code == 404


async def test_a_gateway_that_needs_a_worker_is_ready_with_it(start: Start) -> None:
    gateway = await start(ready_with_worker=True)
    async with client(gateway.admin_port) as http, client(gateway.api_port) as api:
        for port in (http, api):
            response = await port.get("/readyz")
            assert response.status_code == 503
            assert response.json()["reasons"] == ["no worker is connected (--ready-with-worker)"]


async def test_a_gateway_that_starts_or_stops_says_so() -> None:
    health = Health()
    assert (health.state, health.reasons()) == (
        "starting",
        ["starting: the public port is not open yet"],
    )
    health.started = True
    assert (health.state, health.reasons()) == ("ready", [])
    health.draining = True
    assert (health.state, health.reasons()) == ("draining", ["draining: the gateway is stopping"])
