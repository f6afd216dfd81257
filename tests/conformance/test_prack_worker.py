"""`prack-worker` follows every rule and all advice."""

import json
from pathlib import Path

import pytest

from tests.acceptance.processes import PYTHON, launching

APP = "prack_grpc.conformance.app:app"
# It answers over REST as a whole, and takes WebSockets over streams only.
LACKS = {"rest": {"pieces-pass-at-once", "batches", "batch-that-closes", "batch-that-is-refused"}}


@pytest.mark.parametrize("transport", ["prack", "grpc", "rest"])
def test_prack_worker_conforms(tmp_path: Path, transport: str) -> None:
    worker = (PYTHON, "-m", "prack_worker", APP, "--gateway", "{gateway}")
    words = ("conformance", transport, "--strict", "--json", "--timeout", "15")
    with launching(tmp_path) as launcher:
        kit = launcher.process(PYTHON, "-m", "prack_grpc", *words, "--", *worker)
        code = kit.wait(55)
    told = json.loads("\n".join(kit.lines))
    outcomes = {case["name"]: case["outcome"] for case in told["cases"]}
    skipped = {name for name, outcome in outcomes.items() if outcome == "skipped"}
    assert set(outcomes.values()) <= {"passed", "skipped"}, kit
    assert (code, skipped) == (0, LACKS.get(transport, set()))
