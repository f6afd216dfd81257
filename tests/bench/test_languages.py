"""Each library's smallest application starts as a worker and answers; what it costs is told."""

import http.client
from pathlib import Path

import pytest

from bench.apps.hello import HELLO
from bench.contender import Setup
from bench.contenders import started
from bench.languages import LANGUAGES
from bench.measurements import languages
from bench.samples import Samples
from bench.tools import PACKAGES, find
from tests.support.tools import needed

BUILD_SECONDS = 300.0  # where nothing is compiled yet


@pytest.mark.timeout(BUILD_SECONDS)
@pytest.mark.parametrize("name", LANGUAGES)
def test_worker_starts_and_answers(name: str, tmp_path: Path) -> None:
    program = LANGUAGES[name].needs
    if not find(program):
        needed(program, PACKAGES.get(program, program))
    with started([name], Setup(), tmp_path) as found:
        assert [one.name for one in found] == [name]
        connection = http.client.HTTPConnection("127.0.0.1", found[0].port, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, HELLO)
        assert response.headers["Content-Type"] == "text/plain"
        connection.close()


def test_each_worker_is_compared_with_that_of_python() -> None:
    record = {"rate": 100.0, "p50": 1.0, "p99": 2.0, "errors": 0, "round": 1}
    samples = Samples()
    samples.add(contender="prack", front_cpu=50.0, worker_cpu=20.0, **record)
    samples.add(contender="go", front_cpu=60.0, worker_cpu=10.0, **record)
    row = "| go | 100 | 1.00 | 60.0 | 1.20 | 10.0 | 0.50 | 1.00 | 2.00 | 0 |"
    assert row in languages.report(samples)
