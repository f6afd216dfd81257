"""How many cores there are for this process."""

import os
from pathlib import Path

import pytest

from prack_wire import cores


@pytest.mark.parametrize(("quota", "expected"), [("max 100000", 64), ("250000 100000", 2)])
def test_a_container_has_the_cores_of_its_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, expected: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(cores, "CPU_QUOTA", tmp_path / "cpu.max")
    assert cores.cores() == expected
