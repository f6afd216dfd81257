"""Values that depend on the machine."""

import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from prack_grpc.settings import values
from prack_grpc.settings.loading import load
from prack_wire import cores as quota

PROCESSES = TypeAdapter[int](values.Processes)


@pytest.mark.parametrize(
    ("cores", "processes"), [(1, 1), (4, 1), (7, 1), (8, 2), (16, 4), (64, 16), (128, 16)]
)
def test_auto_leaves_most_cores_to_applications(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(quota, "CPU_QUOTA", Path("/nowhere/cpu.max"))
    assert PROCESSES.validate_python("auto") == processes


@pytest.mark.parametrize("wrong", ["0", "65", "many", "-1"])
def test_a_number_of_processes_is_checked(wrong: str) -> None:
    with pytest.raises(ValidationError, match="expected a number from 1 to 64, or auto"):
        PROCESSES.validate_python(wrong)


def test_each_process_has_its_part_of_what_a_client_may_have() -> None:
    flags = {"processes": "3", "max_connections_per_client": "100"}
    assert load(flags, {}).connection_limits().client_connections == 34
