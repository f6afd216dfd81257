"""Each case is failed by a worker that breaks its rule, and passed by one that breaks none."""

import asyncio
import sys
from pathlib import Path

import pytest

from prack_grpc.conformance.certificates import Certificates
from prack_grpc.conformance.run import PASSED, SKIPPED, Result
from prack_grpc.conformance.stream.cases import CATALOGUE
from prack_grpc.conformance.stream.trial import trying
from tests.conformance.kits import all_broken, failed, results
from tests.conformance.stream.ways import WAYS

PAIRS = WAYS.pairs
MODULE = "tests.conformance.stream.broken"
CASES = CATALOGUE.of("prack")
# All workers run at the beginning, several at a time.
pytestmark = pytest.mark.timeout(240)

Found = dict[tuple[str, str], Result]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What came of all broken workers."""
    folder = tmp_path_factory.mktemp("kit")
    return asyncio.run(all_broken(trying, "prack", CASES, MODULE, PAIRS, folder))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_broken_worker_fails(found: Found, pair: tuple[str, str]) -> None:
    assert failed(found[pair]), found[pair]


def test_each_case_is_failed_by_some_worker() -> None:
    assert {case.name for case in CATALOGUE.cases} == {case for case, _ in PAIRS}


@pytest.mark.parametrize(
    ("transport", "style", "lacks"),
    [("prack", "whole", "tunnel-"), ("grpc", "whole", "tunnel-"), ("prack", "tunnel.whole", "web")],
)
async def test_whole_worker_passes(tmp_path: Path, transport: str, style: str, lacks: str) -> None:
    command = (sys.executable, "-m", MODULE, style, "{gateway}")
    cases = CATALOGUE.of(transport)
    told = await results(trying, transport, cases, command, Certificates(tmp_path), 10.0)
    expected = [SKIPPED if case.name.startswith(lacks) else PASSED for case in cases]
    assert [one.outcome for one in told] == expected, [one for one in told if one.seen]
