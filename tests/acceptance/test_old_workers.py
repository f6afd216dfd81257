"""Workers written after the original's examples, in the languages that are installed."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.processes import PYTHON, Gateway, Launcher, Process, connected, fetch

# How a worker calls itself, and what runs it.
WORKERS = {
    "Python": (PYTHON, "poll.py"),
    "Shell": ("sh", "poll.sh"),
    "Node": ("node", "poll.mjs"),
    "Ruby": ("ruby", "poll.rb"),
}
INSTALLED = [name for name, (program, _) in WORKERS.items() if shutil.which(program)]
OLD_POLL = 5
# Nobody is there: the gateway is dialled directly, whatever these say.
NAMES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
PROXIES = dict.fromkeys(NAMES, "http://127.0.0.1:9") | {"no_proxy": "", "NODE_USE_ENV_PROXY": "1"}

Served = dict[str, tuple[Gateway, Process]]


@pytest.fixture(scope="module")
def served(shared: Launcher) -> Iterator[Served]:
    """A gateway for each of them. Every worker has found the queue empty once."""

    def start(name: str) -> tuple[Gateway, Process]:
        gateway = shared.gateway()
        program, script = WORKERS[name]
        url = f"http://127.0.0.1:{gateway.api_port}"
        worker = shared.process(program, f"examples/workers/original/{script}", url, env=PROXIES)
        assert fetch(gateway.port, "/first").status == 200
        nothing = fetch(gateway.api_port, f"/api/v1/request?wait={OLD_POLL + 0.2}")
        assert nothing.status == 404
        assert json.loads(nothing.body) == {"error": "There are no requests pending"}
        return gateway, worker

    with ThreadPoolExecutor() as pool:
        yield dict(zip(INSTALLED, pool.map(start, INSTALLED), strict=True))


@pytest.mark.parametrize("name", INSTALLED)
async def test_it_works_unchanged(served: Served, name: str) -> None:
    gateway, worker = served[name]
    form = b"&".join(b"field%d=value" % number for number in range(40))
    async with connected(gateway.port) as client:
        for number in range(3):
            await client.get(b"/a%%20b/%d?x=1&y=2" % number)
            response = await client.response()
            assert response.body.decode() == f"{name} got GET /a%20b/{number}?x=1&y=2\n"
            await client.post(form, b"/form")
            response = await client.response()
            assert response.status == 200
            assert response.header(b"content-type") == b"text/plain"
            assert response.body == b"%b got POST /form?\n%b" % (name.encode(), form)
            # The worker's `Connection: close` is its own affair: this connection goes on.
            assert response.header(b"connection") is None
    assert worker.lines == []
