"""Each case is failed by a worker that breaks its rule, and passed by those that break none."""

import asyncio
import sys
from pathlib import Path

import pytest

from prack_grpc.conformance.certificates import Certificates
from prack_grpc.conformance.rest.cases import CATALOGUE
from prack_grpc.conformance.rest.trial import trying
from prack_grpc.conformance.run import PASSED, SKIPPED, Result
from tests.conformance.kits import all_broken, failed, results
from tests.conformance.rest.broken import WAYS

MODULE = "tests.conformance.rest.broken"
PAIRS = WAYS.pairs
# All workers run at the beginning, several at a time.
pytestmark = pytest.mark.timeout(240)

Found = dict[tuple[str, str], Result]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What came of all broken workers."""
    folder = tmp_path_factory.mktemp("kit")
    return asyncio.run(all_broken(trying, "rest", CATALOGUE.cases, MODULE, PAIRS, folder))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_broken_worker_fails(found: Found, pair: tuple[str, str]) -> None:
    assert failed(found[pair]), found[pair]


def test_each_case_is_failed_by_some_worker() -> None:
    assert {case.name for case in CATALOGUE.cases} == {case for case, _ in PAIRS}


@pytest.mark.parametrize(
    ("style", "skipped"),
    [("json", ["pieces-pass-at-once"]), ("exchange", ["pieces-pass-at-once"]), ("raw", [])],
)
async def test_whole_worker_passes(tmp_path: Path, style: str, skipped: list[str]) -> None:
    command = (sys.executable, "-m", MODULE, f"{style}.whole", "{gateway}")
    told = await results(trying, "rest", CATALOGUE.cases, command, Certificates(tmp_path), 10.0)
    assert [one.case.name for one in told if one.outcome is SKIPPED] == skipped
    assert [one for one in told if one.outcome not in (PASSED, SKIPPED)] == []
