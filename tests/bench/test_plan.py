"""How much is measured, in which order, and what a run says of itself."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import __main__ as command
from bench.console import minutes
from bench.contenders import CONTENDERS, Running
from bench.measurements import MEASUREMENTS
from bench.plan import Plan
from bench.results import Results
from bench.samples import Samples

LONGEST_MINUTES = 50
NAMES = ("uvicorn", "nginx", "prack")
PLAN = Plan(rounds=2, seconds=1, contenders=NAMES)


def fake(**records: Any) -> Any:
    """A measurement that gives this record, or fails without one."""

    def run(plan: Plan) -> Samples:
        if not records:
            raise OSError("broken")
        return Samples([records])

    return SimpleNamespace(
        ABOUT="", QUICK=PLAN, FULL=PLAN, duration=lambda _: 1.0, run=run, report=lambda _: ""
    )


def bench(monkeypatch: pytest.MonkeyPatch, folder: Path, **measurements: Any) -> int:
    """Run these instead of those that have their names."""
    for name, one in measurements.items():
        monkeypatch.setitem(MEASUREMENTS, name, one)
    monkeypatch.setattr(command, "provide", lambda _: "")
    monkeypatch.setattr(command, "allow_many_files", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["bench", *measurements, "--results", str(folder)])
    return command.main()


def test_everything_takes_no_longer_than_promised() -> None:
    seconds = sum(one.duration(one.FULL) for one in MEASUREMENTS.values())
    assert seconds <= LONGEST_MINUTES * 60


@pytest.mark.parametrize("size", [1, 2])
def test_everybody_has_a_turn_in_every_round_and_others_beside_them(size: int) -> None:
    found = [Running(CONTENDERS[name], 0, []) for name in NAMES]
    turns = [
        (number, one.name, group[0].name)
        for number, group in PLAN.groups(found, size)
        for one in group
    ]
    assert [name for number, name, _ in turns if number == 0] == ["uvicorn", "nginx", "prack"]
    assert [name for number, name, _ in turns if number == 1] == ["nginx", "prack", "uvicorn"]
    assert len({first for _, name, first in turns if name == "nginx"}) == size // 2 + 1


@pytest.mark.parametrize(("seconds", "text"), [(-5, "1 min"), (60, "1 min"), (61, "2 min")])
def test_time_that_is_left_is_rough(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_conditions_name_who_was_left_out(tmp_path: Path) -> None:
    kept = Results(tmp_path)
    kept.save("rest", PLAN, Samples([{"contender": "prack"}, {"contender": "nginx"}]))
    assert kept.conditions("rest").endswith("Left out: uvicorn.")


def test_failure_costs_its_own_measurement_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = bench(monkeypatch, tmp_path, tail=fake(), rest=fake(contender="prack", errors=3))
    told = [line for line in capsys.readouterr().err.splitlines() if "MISSING" in line]
    assert status == 1
    assert Results(tmp_path).load("rest").all("errors") == [3]
    assert told == [
        "MISSING tail: it failed",
        "MISSING rest: uvicorn",
        "MISSING rest: nginx",
        "MISSING rest: 3 answers that prack owed",
    ]
