"""Warnings that may be due very often."""

import logging

import pytest

from prack_grpc.telemetry import complaint
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)


def times(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [vars(one)["times"] for one in caplog.records]


@pytest.mark.parametrize(("most", "written"), [(1, [1]), (3, [1, 1, 1])])
def test_so_many_are_written_and_then_none(
    caplog: pytest.LogCaptureFixture, most: int, written: list[int]
) -> None:
    one = Complaint(log, "a", "something", most)
    for _ in range(100):
        one.make(of="x")
    assert times(caplog) == written
    assert {vars(record)["of"] for record in caplog.records} == {"x"}


def test_later_it_says_how_often_it_was_due(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Complaint(log, "a", "something")
    for _ in range(100):
        one.make()
    monkeypatch.setattr(complaint, "SILENT_SECONDS", 0.0)
    one.make()
    assert times(caplog) == [1, 100]
