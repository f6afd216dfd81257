"""What a gateway knows of all jobs."""

from dataclasses import replace

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.jetstream.index import Index
from prack_grpc.deferred.jetstream.record import Record, read, written
from tests.deferred.building import a_change, a_job

NONE: frozenset[str] = frozenset()


def a_record(line: str = "a", due: float = 100.0, revision: int = 1) -> Record:
    """A job that has come."""
    return Record(a_job(line, due), 4, revision=revision)


def test_a_record_is_read_as_it_was_written() -> None:
    record = a_record().taken("0123abcd")
    settled = replace(record.settled(a_change(Event.ANSWER)), revision=7)
    for one in (record, settled):
        found = read(one.job.id, written(one), one.revision)
        assert written(found) == written(one)
        assert (found.taker, found.revision, found.job.state) == (
            one.taker,
            one.revision,
            one.job.state,
        )


def test_what_is_older_is_ignored() -> None:
    index, record = Index(), a_record()
    index.put(replace(record.taken("x"), revision=2))
    index.put(record)
    assert index.due(200.0, 8, NONE) == []
    assert index.takers() == {"x": [record.job.id]}


def test_the_oldest_of_all_lines_come_first() -> None:
    index = Index()
    records = [a_record(line, due) for line, due in (("a", 3.0), ("b", 1.0), ("a", 2.0))]
    for record in records:
        index.put(record)
    ids = [record.job.id for record in records]
    assert index.due(3.0, 8, NONE) == [ids[1], ids[2], ids[0]]
    assert index.due(3.0, 2, NONE) == [ids[1], ids[2]]
    assert index.due(3.0, 8, frozenset(("a",))) == [ids[1]]
    assert index.due(2.0, 8, NONE) == [ids[1], ids[2]]


def test_what_was_put_back_is_there_once() -> None:
    index, record = Index(), a_record()
    index.put(record)
    index.put(replace(record.taken("x"), revision=2))
    index.put(replace(record, revision=3))
    assert index.due(200.0, 8, NONE) == [record.job.id]


def test_bytes_are_those_of_requests_that_are_kept() -> None:
    index, record = Index(), a_record()
    index.put(record)
    taken = record.taken("x")
    index.put(replace(taken, revision=2))
    assert index.used == 4
    index.put(replace(taken.settled(a_change(Event.ANSWER, due=5.0)), revision=3))
    assert index.used == 0
    assert (index.answered(5.0), index.answered(5.1)) == ([], [record.job.id])
    index.drop(record.job.id)
    assert (index.used, index.answered(6.0)) == (0, [])


def test_the_oldest_is_one_that_is_open() -> None:
    index, old, new = Index(), a_record(due=1.0), a_record(due=2.0)
    index.put(old)
    index.put(new)
    assert index.counts() == Counts(2, 0, 1.0)
    index.put(replace(old.taken("x").settled(a_change(Event.GIVE_UP)), revision=2))
    assert index.counts() == Counts(1, 1, 2.0)
    index.drop(new.job.id)
    index.drop(new.job.id)
    assert index.counts() == Counts(0, 1, 0.0)
