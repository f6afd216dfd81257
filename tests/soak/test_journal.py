"""What a worker has written can be read while it writes."""

import os
from pathlib import Path

import pytest

from soak.journal import FOLDER, Journal, Reader


def test_visits_are_read_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    reader = Reader(tmp_path, os.getpid())
    assert reader.update() == []
    journal = Journal()
    first, second = journal.begin("a", 1), journal.begin("b", 2)
    second.say("head")
    assert [(one.nonce, one.attempt) for one in reader.update()] == [("a", 1), ("b", 2)]
    first.end()
    first.end()
    a, b = reader.update()
    assert a.finish is not None
    assert a.start <= a.finish
    assert (a.head, b.finish) == (None, None)


def test_half_a_line_is_left_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    Journal().begin("a", 1)
    path = tmp_path / f"{os.getpid()}.jsonl"
    line = path.read_bytes()
    path.write_bytes(line[:20])
    reader = Reader(tmp_path, os.getpid())
    assert reader.update() == []
    path.write_bytes(line)
    assert [visit.nonce for visit in reader.update()] == ["a"]
