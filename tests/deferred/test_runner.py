"""Jobs on their way to workers and back, over a real queue and a real store."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.rules import Policy
from prack_grpc.core.deferred.states import Event, State
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.deferred.calls import Calls, call_back
from prack_grpc.deferred.destinations import Destinations
from prack_grpc.deferred.job import MAX_BODY, Answer, Job
from prack_grpc.deferred.runner import WAITING, Runner
from prack_grpc.deferred.sqlite import SqliteStore
from prack_grpc.deferred.store import Store
from tests.broker.scene import Receiver, joined
from tests.core.building import a_request
from tests.deferred.building import MIB, a_job
from tests.deferred.test_calls import HERE, silence

SECONDS = 30.0
NOBODY = Destinations(())
QUICK = Policy(attempts=3, age=60.0, first=0.01)


class Scene:
    """A runner over a store, and the queue that it submits to."""

    def __init__(
        self, store: Store, policy: Policy = QUICK, callable_: Destinations = NOBODY, **limits: Any
    ) -> None:
        self.store = store
        self.broker = MemoryBroker(Limits(**limits))
        calls = Calls(callable_, b"")
        self.runner = Runner(store, self.broker, calls, policy, 60.0)

    async def add(self, *jobs: Job) -> None:
        """New jobs."""
        for job in jobs:
            await self.store.add(job)
        self.runner.wake()

    def worker(self, worker: str = "w", slots: int = 8, route: str = "/") -> Receiver:
        """A worker that joins."""
        return joined(self.broker, worker, slots, routes=(Route.parse(route),))

    def answer(self, one: Assignment, status: int = 200, body: bytes = b"ok") -> None:
        """A whole response."""
        self.broker.head(one, status, [(b"x", b"y")], body, True)

    async def ended(self, job: Job) -> Job:
        """Wait until it is over."""
        found = await self.store.find(job.id)
        while found is not None and found.state in OPEN:
            await asyncio.sleep(0.01)
            found = await self.store.find(job.id)
        assert found is not None
        return found


OPEN = (State.WAITING, State.RUNNING)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until this is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Scene]:
    """The runner runs inside."""
    async with asyncio.timeout(SECONDS), scene.runner.running():
        try:
            yield scene
        finally:
            scene.broker.shut_down()


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    """A runner that runs."""
    async with running(Scene(store)) as made:
        yield made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store that nobody leads."""
    made = SqliteStore(tmp_path / "store.db", 4 * MIB)
    yield made
    await made.close()


def fresh(line: str = "a", callback: str = "") -> Job:
    """A job that has just come."""
    return a_job(line, created=time.time(), callback=callback)


def body_of(scene: Scene, one: Assignment) -> bytes:
    """The request body that a worker is given."""
    scene.broker.allow(one, 100)
    return scene.broker.take(one, 100).data


def attempts(receiver: Receiver) -> list[bytes]:
    """The numbers of attempts that a worker was told."""
    return [dict(one.request.headers)[b"prack-attempt"] for one in receiver.handed]


async def test_a_worker_gets_it_and_its_answer_is_kept(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: bool(worker.handed))
    [one] = worker.handed
    assert body_of(scene, one) == b"body"
    assert (one.request.target, one.request.priority) == (b"/hook?a=1", 7)
    assert attempts(worker) == [b"1"]
    scene.answer(one)
    found = await scene.ended(job)
    assert (found.state, found.attempts) == (State.ANSWERED, 1)
    assert found.answer == Answer(200, [(b"x", b"y"), (b"content-length", b"2")], b"ok")


async def test_an_answer_that_comes_in_pieces_is_kept_whole(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: bool(worker.handed))
    [one] = worker.handed
    scene.broker.head(one, 103, [], b"", False)
    scene.broker.head(one, 201, [], b"a", False)
    scene.broker.data(one, b"b")
    scene.broker.finish(one, [])
    found = await scene.ended(job)
    assert found.answer == Answer(201, [], b"ab")


async def test_of_an_answer_that_is_too_large_only_the_head_is_kept(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: bool(worker.handed))
    [one] = worker.handed
    scene.broker.head(one, 200, [], b"", False)
    for _ in range(MAX_BODY // 65536):
        await until(lambda: scene.broker.room(one) >= 65536)
        scene.broker.data(one, bytes(65536))
    await until(lambda: scene.broker.room(one) > 0)
    scene.broker.data(one, b"1")
    found = await scene.ended(job)
    assert found.answer == Answer(200, [], b"", False)
    await until(lambda: bool(worker.cancelled))


@pytest.mark.parametrize("status", [400, 404, 302])
async def test_whatever_is_an_answer_ends_it(scene: Scene, status: int) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: bool(worker.handed))
    scene.answer(worker.handed[0], status)
    found = await scene.ended(job)
    assert found.answer is not None
    assert found.answer.status == status


async def test_after_a_failure_it_is_tried_again_and_says_so(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: len(worker.handed) == 1)
    scene.answer(worker.handed[0], 500)
    scene.runner.wake()
    await until(lambda: len(worker.handed) == 2)
    assert attempts(worker) == [b"1", b"2"]
    assert body_of(scene, worker.handed[1]) == b"body"
    scene.answer(worker.handed[1])
    assert (await scene.ended(job)).attempts == 2


async def test_after_the_last_attempt_it_is_dead_with_the_last_answer(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    for number in range(3):
        await until(lambda: len(worker.handed) > number)  # noqa: B023 - awaited within the turn
        scene.answer(worker.handed[-1], 503, b"no")
    found = await scene.ended(job)
    assert (found.state, found.attempts) == (State.DEAD, 3)
    assert found.reason == "a worker answered 503"
    assert found.answer is not None
    assert found.answer.body == b"no"
    await until(lambda: scene.runner.counts == Counts(0, 1, 0.0))


async def test_a_lost_worker_costs_an_attempt(scene: Scene) -> None:
    worker, job = scene.worker(), fresh()
    await scene.add(job)
    await until(lambda: len(worker.handed) == 1)
    scene.broker.lost(worker.handed[0], "killed")
    await until(lambda: len(worker.handed) == 2)
    scene.answer(worker.handed[1])
    found = await scene.ended(job)
    assert found.attempts == 2


async def test_each_hand_out_of_an_attempt_has_a_number_of_its_own(scene: Scene) -> None:
    worker = scene.worker()
    job = fresh()
    job.request.headers.append((b"idempotency-key", b"k"))
    await scene.add(job)
    await until(lambda: len(worker.handed) == 1)
    numbers = attempts(worker)
    scene.broker.lost(worker.handed[0], "killed")  # the queue itself gives it to another
    assert len(worker.handed) == 2
    assert numbers + attempts(worker)[1:] == [b"1", b"2"]
    scene.answer(worker.handed[1])
    assert (await scene.ended(job)).attempts == 2


async def test_an_outage_of_all_workers_is_no_attempt(store: Store) -> None:
    async with running(Scene(store, queue_timeout=0.05)) as scene:
        job = fresh()
        await scene.add(job)
        for _ in range(2):  # it is tried a second later
            await until(lambda: scene.broker.status().queue.waiting == 1)
            await until(lambda: scene.broker.status().queue.waiting == 0)
        worker = scene.worker()
        await until(lambda: bool(worker.handed))
        assert attempts(worker) == [b"1"]
        scene.answer(worker.handed[0])
        assert (await scene.ended(job)).attempts == 1


async def test_what_waits_asks_for_workers_but_lets_clients_go_first(scene: Scene) -> None:
    await scene.add(fresh())
    await until(lambda: scene.broker.status().queue.waiting == 1)
    client = a_request()
    scene.broker.submit(client, b"", True)
    worker = scene.worker(slots=1)
    assert [one.request for one in worker.handed] == [client]


async def test_few_of_a_line_wait_and_none_holds_up_another(scene: Scene) -> None:
    up = fresh("up")
    await scene.add(*(fresh("down") for _ in range(40)), up)
    ids = scene.broker.exchanges
    await until(lambda: up.request.x_request_id in [one.request.x_request_id for one in ids()])
    await until(lambda: scene.runner.counts.waiting == 41)
    assert WAITING < scene.broker.status().queue.waiting <= 2 * WAITING


async def test_each_slot_that_falls_free_finds_one(scene: Scene) -> None:
    jobs = [fresh() for _ in range(40)]
    await scene.add(*jobs)
    worker = scene.worker(slots=1)
    for number in range(40):
        await until(lambda: len(worker.handed) > number)  # noqa: B023 - awaited within the turn
        scene.answer(worker.handed[number])
    for job in jobs:
        assert (await scene.ended(job)).state is State.ANSWERED


async def test_a_runner_that_leaves_puts_back_what_no_worker_has(store: Store) -> None:
    scene = Scene(store)
    async with running(scene):
        busy = scene.worker(slots=1)
        had, waits = fresh("a"), fresh("b")
        await scene.add(had)
        await until(lambda: bool(busy.handed))
        await scene.add(waits)
        await until(lambda: scene.broker.status().queue.waiting == 1)
        scene.runner.leave()
        await until(lambda: scene.broker.status().queue.waiting == 0)
        scene.answer(busy.handed[0])
        assert (await scene.ended(had)).state is State.ANSWERED
    found = await store.find(waits.id)
    assert found is not None
    assert (found.state, found.attempts) == (State.WAITING, 0)
    assert await store.lead()  # nobody leads


async def test_what_a_worker_had_at_the_end_is_tried_again(store: Store) -> None:
    scene, job = Scene(store), fresh()
    async with running(scene):
        worker = scene.worker()
        await scene.add(job)
        await until(lambda: bool(worker.handed))
    found = await store.find(job.id)
    assert found is not None
    assert (found.state, found.attempts, found.reason.split(":")[0]) == (
        State.WAITING,
        1,
        "shutdown",
    )


async def test_who_is_called_and_silent_keeps_no_gateway_at_its_end(store: Store) -> None:
    scene = Scene(store, callable_=HERE)
    async with silence() as (connected, port):
        url = f"http://127.0.0.1:{port}/"
        job = call_back(fresh("a", url), Event.ANSWER, None, "/", time.time())
        async with running(scene):
            await scene.add(job)
            await connected.wait()
            scene.runner.leave()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(scene.runner.quiet(), 0.01)
    found = await store.find(job.id)
    assert found is not None
    assert (found.state, found.attempts) == (State.WAITING, 1)


async def test_a_gateway_waits_for_the_one_before(tmp_path: Path, store: Store) -> None:
    before = SqliteStore(tmp_path / "store.db", MIB)
    assert await before.lead()
    job = fresh()
    async with running(Scene(store)) as scene:
        worker = scene.worker()
        await scene.add(job)
        await before.count()
        assert not worker.handed
        before.resign()
        await until(lambda: bool(worker.handed))
        scene.answer(worker.handed[0])
        await scene.ended(job)
    await before.close()
