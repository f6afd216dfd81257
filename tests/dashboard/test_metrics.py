"""The figures for Prometheus, over HTTP."""

import socket
import time
from pathlib import Path

import pytest

from tests.conftest import Gateway, Start
from tests.dashboard.conftest import Admin, Join, pushed
from tests.dashboard.test_app import client
from tests.support.certificates import Authority


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


async def test_a_renewal_that_fails_is_on_the_page_and_in_the_metrics(
    start: Start, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        place = f"127.0.0.1:{closed.getsockname()[1]}"
    folder = tmp_path / place
    folder.mkdir(mode=0o700)
    issued = authority.issue("DNS:before.example")  # another name: it is time for a new one
    file = folder / "certificate.pem"
    file.write_text(issued.key.read_text() + issued.cert.read_text())
    file.chmod(0o600)
    gateway = await start(
        acme="anna@shop.example",
        acme_domains="shop.example",
        acme_store=tmp_path,
        acme_directory=f"https://{place}/dir",
    )
    async with client(gateway.admin_port) as http:
        async with http.stream("GET", "/api/v1/events") as response:
            async for update in pushed(response):
                if sentences := update["overview"]["sentences"][:-1]:
                    break
        lines = (await http.get("/metrics")).text.splitlines()
    (sentence,) = sentences
    assert (sentence["level"], update["overview"]["gateway"]["state"]) == ("warning", "ready")
    assert "not renewed (--acme): cannot reach the authority" in sentence["text"]
    assert "prack_acme_failures_total 1.0" in lines
    name = 'prack_certificate_expiry_timestamp_seconds{port="public"} '
    (end,) = [float(line.removeprefix(name)) for line in lines if line.startswith(name)]
    assert 0 < end - time.time() < 3 * 86_400


async def test_without_figures_there_are_no_metrics(start: Start) -> None:
    port = (await start(metrics=False)).admin_port
    async with client(port) as http:
        assert (await http.get("/metrics")).status_code == 404
