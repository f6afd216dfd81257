"""Traces of real processes in a collector, and without one; and what workers are told."""

import json
import time

import pytest

from tests.acceptance.processes import OVER, Gateway, Launcher, fetch
from tests.support.otlp import collecting

EACH = pytest.mark.parametrize("over", OVER)
APP = "tests.acceptance.given:app"
PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
SAID = {"traceparent": PARENT, "tracestate": "a=1,b=2", "X-Request-Id": "mine"}


def given(gateway: Gateway) -> dict[str, str]:
    """The fields of a request as its worker's application sees them, each of which comes once."""
    reply = fetch(gateway.port, "/", headers=SAID)
    assert reply.status == 200
    assert reply.header("x-request-id") == "mine"
    pairs = json.loads(reply.body)
    fields = dict(pairs)
    assert len(pairs) == len(fields)
    return fields


@EACH
def test_without_traces_everything_passes_as_it_came(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    launch.worker(gateway, over, app=APP)
    before = time.time_ns() // 1000
    fields = given(gateway)
    assert {name: fields[name.lower()] for name in SAID} == SAID
    assert before <= int(fields["x-request-start"].removeprefix("t=")) <= time.time_ns() // 1000
    gateway.stop()
    (record,) = gateway.records()
    assert (record["request_id"], record["trace_id"]) == ("mine", "a" * 32)
    assert record["exchange"] not in ("", "mine")


@EACH
def test_with_traces_the_worker_goes_on_below_our_span(launch: Launcher, over: str) -> None:
    with collecting() as collector:
        # Only the stop sends what there is.
        delay = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
        gateway = launch.gateway(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **delay})
        launch.worker(gateway, over, "--service", "web", "--app-version", "v2", app=APP)
        fields = given(gateway)
        assert gateway.stop() == 0
        spans = {one.name: one for one in collector.spans(3)}
    server, queue, worker = (spans[name] for name in ("GET", "queue", "worker"))
    assert server.parent == "b" * 16
    assert queue.parent == worker.parent == server.id
    assert fields["traceparent"] == f"00-{'a' * 32}-{worker.id}-01"
    assert fields["tracestate"] == "a=1,b=2"
    assert server.resource["service.name"] == "prack"
    assert worker.attributes["prack.service"] == "web"
    assert worker.attributes["prack.version"] == "v2"
    (record,) = gateway.records()
    assert record["exchange"] == server.attributes["prack.exchange"]
