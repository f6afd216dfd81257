"""What is marked, and that it is what is logged."""

import logging

from prack_grpc.telemetry.books.marks import Marks


def marked(*lines: dict[str, object], most: int = 10) -> Marks:
    """The marks of these lines of a log."""
    marks, log = Marks(most), logging.Logger("test")
    log.addHandler(marks)
    for line in lines:
        log.info("anything", extra=line)
    return marks


def joined(worker: str, version: str = "") -> dict[str, object]:
    return {
        "action": "worker_connected",
        "worker": worker,
        "service": "shop",
        "version": version,
    }


def test_only_what_matters_is_marked() -> None:
    marks = marked({"action": "request"}, {}, {"action": "upgraded", "pid": 5})
    assert [mark.kind for mark in marks.last] == ["upgrade"]
    assert marks.last[0].worker == ""


def test_the_first_worker_of_a_version_is_a_deploy() -> None:
    marks = marked(joined("a", "v1"), joined("b", "v1"), joined("c"), joined("d", "v2"))
    assert [mark.kind for mark in marks.last] == ["deploy", "joined", "joined", "deploy"]
    assert marks.last[0].text == "shop v1: its first worker has joined"


def test_drains_name_whom_they_are_about() -> None:
    marks = marked(
        {"action": "drained", "service": "shop", "version": "v1", "operator": "::1"},
        {"action": "resumed", "worker": "w1", "operator": "::1"},
    )
    assert [mark.text for mark in marks.last] == [
        "shop v1 is given no new requests",
        "w1 is given requests again",
    ]


def test_old_marks_make_room_and_new_ones_are_told_once() -> None:
    marks = marked(*(joined(f"w{number}") for number in range(30)))
    assert len(marks.last) == 10
    assert marks.count == 30
    assert [mark.worker for mark in marks.since(28)] == ["w28", "w29"]
    assert len(marks.since(0)) == 10
    assert marks.since(30) == []


def test_the_fate_of_a_worker_is_its_last_one() -> None:
    marks = marked(
        {"action": "worker_lost", "worker": "w1"},
        {"action": "worker_lost", "worker": "w2"},
        {"action": "worker_left", "worker": "w1"},
    )
    assert [marks.fate(worker) for worker in ("w1", "w2", "w3")] == ["left", "lost", "left"]
