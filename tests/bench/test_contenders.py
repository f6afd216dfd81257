"""Contenders start as they are configured, and serve; --help explains itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.apps import APPS
from bench.contender import Contender, Setup
from bench.contenders import CONTENDERS, started
from bench.measurements import MEASUREMENTS
from bench.others import OTHERS
from bench.peers import PEERS
from bench.tools import COMPILED, MADE, find
from tests.support.tools import needed

ROOT = Path(__file__).resolve().parents[2]
SERVED = [
    (one, app)
    for one in (*OTHERS, *PEERS)
    for app in ("hello", "flask")
    if APPS[app].interface in one.serves
]
OURS = [name for name in CONTENDERS if name.startswith("prack")]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize("name", OURS)
def test_contender_starts_and_answers(name: str, tmp_path: Path) -> None:
    if CONTENDERS[name].needs == COMPILED and not find(COMPILED):
        pytest.skip(f"the compiled gateway is not here: run {MADE[COMPILED]}")
    with started([name], Setup("traffic", slots=2), tmp_path) as found:
        assert [one.name for one in found] == [name]


@pytest.mark.parametrize(("one", "app"), SERVED, ids=lambda value: getattr(value, "name", value))
def test_another_starts_and_answers(one: Contender, app: str, tmp_path: Path) -> None:
    if one.needs in MADE and not find(one.needs):
        pytest.skip(f"{one.needs} is not here: run {MADE[one.needs]}")
    if one.needs:
        needed(one.needs, one.needs)
    with started([one.name], Setup(app), tmp_path) as found:
        assert [running.name for running in found] == [one.name]


def test_help_lists_everything() -> None:
    done = bench("--help")
    assert done.returncode == 0
    assert [name for name in (*MEASUREMENTS, *CONTENDERS) if name not in done.stdout] == []


@pytest.mark.parametrize(
    "wrong",
    [["nonsense"], ["--only", "nonsense"], ["--rounds", "0"], ["--connections", "1,x"]],
)
def test_wrong_usage_is_told(wrong: list[str]) -> None:
    done = bench(*wrong)
    assert done.returncode == 2
    assert wrong[-1].split(",")[-1] in done.stderr
