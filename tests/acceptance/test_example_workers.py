"""The workers of one loop in examples/workers: what they answer, and how they stop."""

import json
import time

import pytest

from tests.acceptance.processes import PYTHON, SECONDS, Gateway, Launcher, fetch
from tests.support.tools import needed

# How a worker calls itself, what runs it, and what else that needs.
WORKERS = {
    "Python": ((PYTHON, "examples/workers/exchange.py"), ()),
    "Shell": (("sh", "examples/workers/exchange.sh"), ("curl", "jq")),
}


@pytest.fixture(params=WORKERS)
def name(request: pytest.FixtureRequest) -> str:
    """Of a worker whose programs are installed."""
    for program in WORKERS[request.param][1]:
        needed(program, program)
    return str(request.param)


def parked(gateway: Gateway) -> None:
    """Wait until the worker waits for a request."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        rows = json.loads(fetch(gateway.api_port, "/api/v1/workers").body)["workers"]
        if any(row["slots"] > row["held"] for row in rows):
            return
    raise AssertionError("no call of the worker is parked")


def test_it_answers_and_stops_at_once(launch: Launcher, name: str) -> None:
    gateway = launch.gateway()
    worker = launch.process(*WORKERS[name][0], f"http://127.0.0.1:{gateway.api_port}")
    for number in range(3):
        reply = fetch(gateway.port, f"/a%20b/{number}?x=1", "POST")
        assert (reply.status, reply.header("content-type")) == (200, "text/plain")
        assert reply.body.decode() == f"{name} got POST /a%20b/{number}?x=1\n"
    parked(gateway)
    assert worker.stop() == 0  # its call would be parked for longer than this waits
    assert worker.lines == []
    assert [record["status"] for record in gateway.records()] == [200] * 3
