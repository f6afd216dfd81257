"""The line of a worker about a request says what that of the gateway says."""

import json

import pytest

from tests.acceptance.processes import OVER, Launcher, fetch

SAME = ("method", "target", "status", "bytes", "client", "request_id")


@pytest.mark.parametrize("over", OVER)
def test_gateway_and_worker_say_the_same(launch: Launcher, over: str) -> None:
    gateway = launch.gateway()
    worker = launch.worker(gateway, over, "--access-log", "--log-format", "json")
    for number, headers in enumerate(({"X-Request-Id": "order-7"}, {}), 1):
        assert fetch(gateway.port, "/run/a?b=%20c", headers=headers).status == 200
        lines = [one.line('.*"action": "request".*', number)[0] for one in (gateway, worker)]
        theirs, ours = map(json.loads, lines)
        assert {name: ours[name] for name in SAME} == {name: theirs[name] for name in SAME}
        assert ours.get("exchange") == theirs.get("exchange")
