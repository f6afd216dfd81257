"""The Autobahn test suite, against Prack and, for its rules, against uvicorn.

Cases that send a thousand messages send two, or CONFORMANCE_MESSAGES. kosoku ends each case after
20 s, too soon for a thousand of the largest on a small machine.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import pytest

from tests.acceptance.processes import PYTHON, Launcher, Process
from tests.docs.pages import page, rows

MESSAGES = os.environ.get("CONFORMANCE_MESSAGES", "2")
LONGEST = 180.0 if MESSAGES == "2" else 3600.0
CASES = 517
# Rules that have a close code to compare; the other groups are limits, and compression at length.
RULES = [*(f"{group}.*" for group in range(1, 8)), "10.*"]
# RFC 6455 section 5.4 lets a close come between two fragments; the library has it for a mistake.
LIBRARY = ["7.1.5"]
# Its client sends on after its close, and may be reset before it has read that of a server.
RACE = ["7.1.6"]
# Echoes of more than the 1 MiB that --websocket-message allows.
TOO_LARGE = ["9.1.[456]", "9.2.[456]", "9.3.*", "9.4.*"]

pytestmark = pytest.mark.timeout(LONGEST)

# For each case, whether it passed and the server's close code.
Results = dict[str, tuple[bool, int | None]]


@pytest.fixture(scope="module")
def results(ports: Mapping[str, int], launcher: Launcher) -> dict[str, Results]:
    """The results of each server; both at once, as the suite mostly waits."""
    cases = {"uvicorn": RULES, "prack": ["*"]}
    runs = {server: start(launcher, ports[server], names) for server, names in cases.items()}
    return {server: outcome(run) for server, run in runs.items()}


def start(launcher: Launcher, port: int, cases: Iterable[str]) -> Process:
    """Start the suite."""
    url = f"ws://127.0.0.1:{port}"
    return launcher.process(PYTHON, "-m", f"{__package__}.autobahn", url, MESSAGES, *cases)


def outcome(suite: Process) -> Results:
    """Wait for its results."""
    assert suite.wait(LONGEST) == 0, str(suite)
    return {case: (passed, code) for case, (passed, code) in json.loads(suite.lines[-1]).items()}


def failed(results: Results) -> set[str]:
    """The cases that were not passed."""
    return {case for case, (passed, _) in results.items() if not passed}


def of(results: Results, *patterns: str) -> set[str]:
    """The cases with such names."""
    return {case for case in results if any(fnmatchcase(case, one) for one in patterns)}


def test_every_case_is_passed_up_to_the_limit(results: dict[str, Results]) -> None:
    prack = results["prack"]
    assert len(prack) == CASES
    assert failed(prack) == of(prack, *LIBRARY, *TOO_LARGE)
    assert {prack[case] for case in of(prack, *TOO_LARGE)} == {(False, 1009)}


def test_rules_are_kept_as_without_prack(results: dict[str, Results]) -> None:
    direct, prack = results["uvicorn"], results["prack"]
    assert failed(direct) == of(direct, *LIBRARY)
    compared = of(direct, *RULES) - of(direct, *RACE)
    assert compared | of(direct, *RACE) == of(prack, *RULES)
    assert {case: prack[case] for case in compared} == {case: direct[case] for case in compared}
    for case in of(direct, *RACE):
        assert direct[case][0]
        assert prack[case][0]
        assert len({direct[case][1], prack[case][1]} - {None}) <= 1


def test_the_docs_tell_the_results(results: dict[str, Results]) -> None:
    told = {}
    for group, *counts in rows(page("docs/websockets.md"), "group"):
        numbers, _ = re.split(r" (?=\D)", group, maxsplit=1)
        found = of(results["prack"], *(f"{number}.*" for number in numbers.split(", ")))
        told[group] = (counts, [str(len(found)), str(len(found - failed(results["prack"])))])
    assert not {group: pair for group, pair in told.items() if pair[0] != pair[1]}
