"""Prack's own contenders start with the flags that they are given; --help explains itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.contenders import CONTENDERS, Setup, started
from bench.measurements import MEASUREMENTS

ROOT = Path(__file__).resolve().parents[2]
OURS = [name for name in CONTENDERS if name.startswith("prack")]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize("name", OURS)
def test_contender_starts_and_answers(name: str, tmp_path: Path) -> None:
    with started([name], Setup("traffic", slots=2), tmp_path) as found:
        assert [one.name for one in found] == [name]


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
