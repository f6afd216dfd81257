"""What every store does."""

import asyncio

import pytest

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import Event, State
from prack_grpc.deferred.job import Answer, Job
from prack_grpc.deferred.store import KeyReused, Store, StoreFull
from tests.deferred.building import MIB, a_change, a_job

NONE: frozenset[str] = frozenset()


async def taken(store: Store, job: Job) -> Job:
    """The job, kept and taken."""
    await store.add(job)
    [found] = await store.take(job.due, 8, NONE)
    return found


async def dead(store: Store, due: float = 100.0) -> Job:
    """A dead letter."""
    job = await taken(store, a_job(due=due))
    await store.settle(job.id, a_change(Event.GIVE_UP))
    return job


async def state(store: Store, job: Job) -> State | None:
    found = await store.find(job.id)
    return None if found is None else found.state


async def test_what_is_taken_is_what_came(store: Store) -> None:
    job = a_job(key=b"k", digest=b"d", callback="https://x.test/", call=True)
    found = await taken(store, job)
    assert (found.body, found.line, found.callback, found.call) == (
        b"body",
        "a",
        job.callback,
        True,
    )
    request, sent = found.request, job.request
    assert (request.method, request.target, request.headers) == (
        sent.method,
        sent.target,
        sent.headers,
    )
    assert (request.authority, request.scheme, request.client) == (
        sent.authority,
        sent.scheme,
        sent.client,
    )
    assert (request.x_request_id, request.body_length) == (sent.x_request_id, 4)
    assert request.id != sent.id
    assert request.priority == 7


async def test_each_is_taken_once_in_turn(store: Store) -> None:
    jobs = [a_job(due=due) for due in (3.0, 1.0, 2.0)]
    for job in jobs:
        await store.add(job)
    assert [job.due for job in await store.take(10.0, 2, NONE)] == [1.0, 2.0]
    assert [job.due for job in await store.take(10.0, 2, NONE)] == [3.0]
    assert await store.take(10.0, 2, NONE) == []


async def test_none_is_taken_before_its_time_or_from_a_full_line(store: Store) -> None:
    await store.add(a_job("early", due=11.0))
    await store.add(a_job("full", due=1.0))
    await store.add(a_job("free", due=2.0))
    found = await store.take(10.0, 8, frozenset(("full", "other")))
    assert [job.line for job in found] == ["free"]


async def test_attempts_are_counted_when_it_is_taken(store: Store) -> None:
    job = await taken(store, a_job())
    assert job.attempts == 1
    await store.settle(job.id, a_change(Event.RETRY, attempts=1, due=200.0))
    assert await store.take(199.0, 8, NONE) == []
    [again] = await store.take(200.0, 8, NONE)
    assert (again.id, again.attempts, again.reason) == (job.id, 2, "why")


async def test_an_answer_is_kept_and_the_body_is_not(store: Store) -> None:
    job = await taken(store, a_job())
    await store.settle(job.id, a_change(Event.ANSWER))
    found = await store.find(job.id)
    assert found is not None
    assert found.state is State.ANSWERED
    assert found.answer == Answer(200, [(b"x", b"y")], b"done")
    assert await store.body(job.id) == b""


async def test_it_is_kept_for_its_time(store: Store) -> None:
    job = await taken(store, a_job())
    await store.settle(job.id, a_change(Event.ANSWER, due=50.0))
    await store.forget(50.0)
    assert await state(store, job) is State.ANSWERED
    await store.forget(50.1)
    assert await state(store, job) is None


async def test_an_event_that_does_not_fit_changes_nothing(store: Store) -> None:
    job = await taken(store, a_job())
    await store.settle(job.id, a_change(Event.ANSWER))
    await store.settle(job.id, a_change(Event.RETRY))
    await store.settle("f" * 32, a_change(Event.RETRY))
    assert await state(store, job) is State.ANSWERED


async def test_what_follows_is_kept_with_the_end(store: Store) -> None:
    job, call = await taken(store, a_job()), a_job("call x", call=True)
    await store.settle(job.id, a_change(Event.ANSWER), call)
    assert [one.id for one in await store.take(100.0, 8, NONE)] == [call.id]


async def test_the_dead_wait_for_an_operator(store: Store) -> None:
    job = await dead(store)
    assert await store.take(1e9, 8, NONE) == []
    [letter] = await store.dead(10)
    assert (letter.id, letter.reason, letter.attempts) == (job.id, "why", 1)
    assert await store.body(job.id) == b"body"
    assert await store.again(job.id, 300.0)
    [again] = await store.take(300.0, 8, NONE)
    assert (again.id, again.attempts, again.created, again.body) == (job.id, 1, 300.0, b"body")


async def test_a_dead_letter_can_be_dropped(store: Store) -> None:
    job = await dead(store)
    assert await store.drop(job.id)
    assert await state(store, job) is None
    assert await store.body(job.id) == b""


async def test_only_the_dead_are_sent_again_or_dropped(store: Store) -> None:
    job = a_job()
    await store.add(job)
    assert not await store.again(job.id, 1.0)
    assert not await store.drop(job.id)
    assert not await store.drop("f" * 32)
    assert await state(store, job) is State.WAITING


async def test_the_newest_dead_come_first(store: Store) -> None:
    jobs = []
    for due in (1.0, 2.0, 3.0):
        job = await taken(store, a_job(due=due))
        await store.settle(job.id, a_change(Event.GIVE_UP, due=due))
        jobs.append(job.id)
    assert [job.id for job in await store.dead(2)] == jobs[:0:-1]


async def test_the_same_key_is_the_same_request(store: Store) -> None:
    first, second = a_job(key=b"k", digest=b"d"), a_job(key=b"k", digest=b"d")
    assert await store.add(first) == first.id
    assert await store.add(second) == first.id
    assert await store.add(a_job(key=b"other", digest=b"d")) != first.id
    with pytest.raises(KeyReused):
        await store.add(a_job(key=b"k", digest=b"e"))


async def test_keys_that_come_together_are_one_request(store: Store) -> None:
    jobs = [a_job(key=b"k", digest=b"d") for _ in range(50)]
    assert len(set(await asyncio.gather(*map(store.add, jobs)))) == 1
    assert len(await store.take(100.0, 100, NONE)) == 1


async def test_counts(store: Store) -> None:
    assert await store.count() == Counts(0, 0, 0.0)
    await dead(store, due=3.0)
    await taken(store, a_job(due=5.0))
    await store.add(a_job(due=9.0))
    answered = await taken(store, a_job(due=1.0))
    await store.settle(answered.id, a_change(Event.ANSWER))
    assert await store.count() == Counts(2, 1, 5.0)


async def test_a_full_store_takes_no_more_and_goes_on_with_what_it_has(store: Store) -> None:
    jobs = [a_job(body=bytes(MIB // 2)) for _ in range(20)]
    results = await asyncio.gather(*map(store.add, jobs), return_exceptions=True)
    refused = [result for result in results if isinstance(result, StoreFull)]
    assert 12 <= len(refused) < 16  # of 4 MiB
    for job in await store.take(100.0, 20, NONE):
        await store.settle(job.id, a_change(Event.ANSWER, due=1.0))
    await store.forget(2.0)
    await store.add(a_job(body=bytes(MIB // 2)))
