"""The figures for Prometheus, over HTTP."""

import pytest

from tests.conftest import Gateway, Start
from tests.dashboard.conftest import Admin, Join
from tests.dashboard.test_app import client


@pytest.mark.parametrize(
    ("accept", "kind", "last"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", "prack_build_info{"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
            "# EOF",
        ),
    ],
)
async def test_prometheus_chooses_the_format(
    admin: Admin, accept: str, kind: str, last: str
) -> None:
    response = await admin.http.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    assert response.text.splitlines()[-1].startswith(last)


async def test_prometheus_is_told_what_the_page_is_told(
    gateway: Gateway, admin: Admin, join: Join
) -> None:
    worker = await join("w1", service="shop", version="v1")
    visitor = await gateway.client()
    await visitor.get()
    await worker.answer()
    await visitor.response()
    await visitor.get()
    await worker.script.event("requests")
    overview = (await admin.update())["overview"]
    assert overview["clients"]["connections"] == overview["queue"]["in_flight"] == 1
    assert overview["slots"]["used"] == overview["workers"]["active"] == 1
    lines = (await admin.http.get("/metrics")).text.splitlines()
    for line in (
        "prack_client_connections 1.0",
        "prack_in_flight_requests 1.0",
        'prack_slots_used{service="shop",version="v1"} 1.0',
        'prack_workers{state="active",transport="prack"} 1.0',
        'prack_arrivals_total{route="*/"} 2.0',
        'prack_requests_total{error="",method="GET",route="*/",service="shop",status="2xx",'
        'transport="prack",version="v1"} 1.0',
    ):
        assert line in lines


async def test_without_figures_there_are_no_metrics(start: Start) -> None:
    port = (await start(metrics=False)).admin_port
    async with client(port) as http:
        assert (await http.get("/metrics")).status_code == 404
