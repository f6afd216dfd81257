"""A real Prometheus scrapes a real gateway, with the files of deploy/."""

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.acceptance.processes import ROOT, SECONDS, Gateway, Launcher, fetch
from tests.acceptance.proxies import replaced
from tests.support.dashboard import expressions
from tests.support.tools import needed

DEPLOY = ROOT / "deploy/prometheus"
# What has to happen a second time before there is something to show.
SHOWN_LATER = {"Starts"}
ANSWERED, FAILED = 20, 3


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that listens on this port."""

    port: int

    def get(self, path: str, **query: str) -> Any:
        """What its API answers."""
        reply = fetch(self.port, f"/api/v1/{path}?{urlencode(query)}")
        answer = json.loads(reply.body)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series that this PromQL gives now."""
        found: list[dict[str, Any]] = self.get("query", query=text)["result"]
        return found

    def until(self, text: str, value: float) -> None:
        """Wait until this gives one series with this value: until it has scraped often enough."""
        deadline = time.monotonic() + SECONDS
        while (found := [float(one["value"][1]) for one in self.query(text)]) != [value]:
            assert time.monotonic() < deadline, f"{text} is {found}, not {value}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def gateway(shared: Launcher) -> Gateway:
    """A gateway with workers of all kinds, which has seen something of everything."""
    gateway = shared.gateway("--queue-timeout", "0.2")
    for version, over in enumerate(("prack", "grpc", "rest")):
        flags = ("--service", "web", "--app-version", f"v{version}")
        shared.worker(gateway, over, *flags, "--route", "/run", "--route", "/fail")
    for number in range(ANSWERED):
        assert fetch(gateway.port, f"/run/{number}").status == 200
    for number in range(FAILED):
        assert fetch(gateway.port, f"/fail/{number}").status == 500
    assert fetch(gateway.port, "/other").status == 503
    assert said(gateway.port, b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", and_leave=True) == b""
    assert b" 400 " in said(gateway.port, b"nonsense\r\n\r\n")
    return gateway


def said(port: int, request: bytes, and_leave: bool = False) -> bytes:
    """The answer to these bytes, of which a client that leaves hears nothing."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(request)
        if and_leave:
            client.shutdown(socket.SHUT_WR)
        return client.recv(65536)


@pytest.fixture(scope="module")
def prometheus(
    shared: Launcher, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Prometheus:
    """A Prometheus with our configuration, but for times and the address."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prack.rules.yml").write_bytes((DEPLOY / "prack.rules.yml").read_bytes())
    text = replaced(
        (DEPLOY / "prometheus.yml").read_text(),
        ("_interval: 15s", "_interval: 200ms"),
        ("127.0.0.1:4244", f"127.0.0.1:{gateway.admin_port}"),
    )
    (folder / "prometheus.yml").write_text(text)
    process = shared.process(
        needed("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.size=64MB",
        "--web.listen-address=127.0.0.1:0",
    )
    port = process.line(r'"Listening on" address=127.0.0.1:(\d+)')[1]
    process.line("Server is ready")
    return Prometheus(int(port))


def test_prometheus_counts_what_was_asked(prometheus: Prometheus) -> None:
    of_workers = 'sum(prack_requests_total{service="web", error="", status="%s"})'
    prometheus.until(of_workers % "2xx", ANSWERED)
    prometheus.until(of_workers % "5xx", FAILED)
    prometheus.until(
        'sum(prack_time_to_first_byte_seconds_count{service="web"})', ANSWERED + FAILED
    )
    prometheus.until('sum(prack_requests_total{transport="", error="no_workers"})', 1)
    prometheus.until('sum(prack_requests_total{status="none", error="client_gone"})', 1)
    prometheus.until('sum(prack_refusals_total{error="framing"})', 1)
    prometheus.until('count(prack_slots{service="web"})', 3)


def test_the_parts_of_the_wait_add_up(prometheus: Prometheus) -> None:
    prometheus.until(
        'sum(prack_time_to_first_byte_seconds_count{service="web"})', ANSWERED + FAILED
    )
    names = ("prack_queue_wait_seconds", "prack_worker_seconds", "prack_gateway_overhead_seconds")
    parts = " + ".join(f'sum({name}_sum{{service="web"}})' for name in names)
    whole = 'sum(prack_time_to_first_byte_seconds_sum{service="web"})'
    (share,) = prometheus.query(f"({parts}) / {whole}")
    assert float(share["value"][1]) == pytest.approx(1, rel=1e-6)


def test_the_alert_rules_can_be_evaluated(prometheus: Prometheus) -> None:
    prometheus.until("count(job_service:prack_requests_failed:ratio_rate5m)", 1)
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}


def test_each_panel_of_the_dashboard_has_something_to_show(prometheus: Prometheus) -> None:
    prometheus.until("count(rate(prack_build_info[1m]))", 1)
    empty = {title for title, text in expressions() if not prometheus.query(text)}
    assert empty == SHOWN_LATER


def test_promtool_finds_nothing_to_improve(gateway: Gateway) -> None:
    body = fetch(gateway.admin_port, "/metrics").body
    command = (needed("promtool", "prometheus"), "check", "metrics")
    done = subprocess.run(command, input=body, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
