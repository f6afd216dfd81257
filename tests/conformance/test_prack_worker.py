"""`prack-worker` follows every rule and all advice."""

import json
from collections.abc import Iterator

import pytest

from prack_grpc.conformance.stream.cases import CATALOGUE
from tests.acceptance.processes import PYTHON, Process, launching

APP = "prack_grpc.conformance.app:app"
TRANSPORTS = ("prack", "grpc", "rest")
# It takes WebSockets as events and over streams only, and answers over REST as a whole.
TUNNELS = {case.name for case in CATALOGUE.cases if case.name.startswith("tunnel-")}
BATCHES = {"batches", "batch-that-closes", "batch-that-is-refused"}
LACKS = {"prack": TUNNELS, "grpc": TUNNELS, "rest": BATCHES}


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """A run for each transport, all at the same time."""
    worker = (PYTHON, "-m", "prack_worker", APP, "--gateway", "{gateway}")
    words = ("--strict", "--json", "--timeout", "15", "--", *worker)
    with launching(tmp_path_factory.mktemp("kits")) as launcher:
        yield {
            transport: launcher.process(
                PYTHON, "-m", "prack_grpc", "conformance", transport, *words
            )
            for transport in TRANSPORTS
        }


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_prack_worker_conforms(kits: dict[str, Process], transport: str) -> None:
    kit = kits[transport]
    code = kit.wait(55)
    told = json.loads("\n".join(kit.lines))
    outcomes = {case["name"]: case["outcome"] for case in told["cases"]}
    bad = [case for case in told["cases"] if case["outcome"] not in ("passed", "skipped")]
    skipped = {name for name, outcome in outcomes.items() if outcome == "skipped"}
    assert (code, bad, skipped) == (0, [], LACKS[transport])
