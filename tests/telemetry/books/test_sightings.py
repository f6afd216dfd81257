"""Workers that come, go, and come again."""

from prack_grpc.core.status import Serving, WorkerStatus
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.sightings import POLL_SECONDS, REMEMBERED_SECONDS, Sightings


def row(worker: str = "w1", transport: str = "prack", seconds: float = 0.0) -> WorkerStatus:
    return WorkerStatus(
        worker, "shop", "v1", Serving.ACTIVE, 8, 0, 0, 0, seconds, transport, "::1", ["*/"], "token"
    )


def states(sightings: Sightings) -> dict[str, str]:
    return {seen.status.worker: seen.gone for seen in sightings.known.values()}


def test_a_stream_that_is_gone_has_left_or_was_lost() -> None:
    marks = Marks(10)
    sightings = Sightings(marks, 10)
    sightings.look([row("w1"), row("w2", seconds=5.0)], 100.0, 0.0)
    assert [seen.first for seen in sightings.known.values()] == [100.0, 95.0]
    marks.add(0.0, "lost", "w2")
    sightings.look([], 101.0, 1.0)
    assert states(sightings) == {"w1": "left", "w2": "lost"}
    sightings.look([row("w1")], 102.0, 2.0)
    assert states(sightings) == {"w1": "", "w2": "lost"}
    sightings.look([row("w1")], 103.0 + REMEMBERED_SECONDS, 3.0)
    assert states(sightings) == {"w1": ""}


def test_a_worker_is_no_less_here_between_two_polls() -> None:
    marks = Marks(10)
    sightings = Sightings(marks, 10)
    sightings.look([row(transport="rest")], 100.0, 0.0)
    sightings.look([], 100.0 + POLL_SECONDS, 60.0)
    assert states(sightings) == {"w1": ""}
    sightings.look([], 101.0 + POLL_SECONDS, 61.0)
    assert states(sightings) == {"w1": "left"}
    assert [mark.kind for mark in marks.last] == ["deploy", "left"]


def test_those_that_are_gone_make_room() -> None:
    sightings = Sightings(Marks(10), 5)
    for number in range(1000):
        sightings.look([row(f"w{number}")], float(number), 0.0)
    assert len(sightings.known) <= 6
