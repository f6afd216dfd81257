"""Has jobs attempted: as many as workers take, and none before what clients wait for."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from prack_grpc.broker.seam import PublicSide
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.rules import Outcome, Policy, verdict
from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.attempt import Attempt
from prack_grpc.deferred.calls import Calls, call_back
from prack_grpc.deferred.job import Answer, Job
from prack_grpc.deferred.location import path_of
from prack_grpc.deferred.store import Change, Store, StoreFailed
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# Of one line so many wait in the queue: enough that each slot that falls free finds one.
WAITING = 8
# Attempts at a time; each holds its body and answer, of 512 KiB at most. If all lines wait (16 of
# routes, 8 of other hosts, 8 of calls), there is room for half as many that workers have.
ATTEMPTS = 384
# How often to look for what is due, and for what other processes have added.
LOOK_SECONDS = 0.5
COUNT_SECONDS = 1.0
FORGET_SECONDS = 60.0
# What is logged of a job; the end of an attempt that no worker has begun is none.
TOLD = {
    Event.ANSWER: (logging.INFO, {"action": "deferred_answered"}),
    Event.RETRY: (logging.INFO, {"action": "deferred_failed"}),
    Event.GIVE_UP: (logging.WARNING, {"action": "dead_letter"}),
}
BUG = "bug: the gateway failed to try a kept request; please report this traceback"
REFUSES = "the store of requests that are answered later fails: see --async-store"


class Runner:
    """Takes what is due from the store. `counts` are a second old at most.

    A job waits in the queue of the gateway like any request, so it asks for workers where those
    are scaled, but lets every client go first. What was answered is kept for `keep` seconds.
    """

    def __init__(
        self, store: Store, broker: PublicSide, calls: Calls, policy: Policy, keep: float
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._broker = broker
        self._calls = calls
        self._policy = policy
        self._keep = keep
        self._woken = asyncio.Event()
        self._leads = self._leaving = False
        self._counts_at = self._forgets_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._attempts: set[Attempt] = set()
        self._waiting: dict[str, str] = {}  # the lines of those that no worker has yet
        self._paused: dict[str, float] = {}  # until when, by line
        self._complaint = Complaint(log, "store_failed", REFUSES)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Jobs are attempted inside. At the end calls end, and what workers have is finished."""
        task = asyncio.create_task(self._run(), name="deferred")
        try:
            yield
        finally:
            self.leave()
            self._calls.end()
            await task

    def wake(self) -> None:
        """There may be something to take."""
        self._woken.set()

    def leave(self) -> None:
        """Take no more jobs. Those that no worker has are put back, for the next gateway."""
        self._leaving = True
        for attempt in self._attempts:
            attempt.leave()
        self.wake()

    async def quiet(self) -> None:
        """After `leave`: wait for what was begun."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    # ------------------------------------------------------------ taking

    async def _run(self) -> None:
        while not self._leaving:
            try:
                await self._look(time.time())
            except StoreFailed as error:
                self._complaint.make(reason=str(error))
            except Exception:
                log.exception(BUG, extra={"action": "internal"})
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
        await asyncio.gather(*self._tasks)
        self._store.resign()

    async def _look(self, now: float) -> None:
        self._leads = self._leads or await self._store.lead()
        most = min(WAITING, ATTEMPTS - len(self._tasks))
        if self._leads and most > 0:
            taken = await self._store.take(now, most, self._full(now))
            for job in taken:
                self._begin(job)
            if taken:
                self.wake()
        if now >= self._counts_at:
            self._counts_at = now + COUNT_SECONDS
            self.counts = await self._store.count()
        if now >= self._forgets_at:
            self._forgets_at = now + FORGET_SECONDS
            await self._store.forget(now - self._keep)

    def _full(self, now: float) -> frozenset[str]:
        self._paused = {line: until for line, until in self._paused.items() if until > now}
        waiting = Counter(self._waiting.values())
        full = {line for line, count in waiting.items() if count >= WAITING}
        return frozenset(full | self._paused.keys())

    def _begin(self, job: Job) -> None:
        self._waiting[job.id] = job.line
        task = asyncio.create_task(self._attempt(job), name="attempt")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _handed(self, id_: str) -> None:
        """It waits no more: there is room for another of its line."""
        if self._waiting.pop(id_, None):
            self.wake()

    # ------------------------------------------------------------ attempts

    async def _attempt(self, job: Job) -> None:
        attempt = Attempt(self._broker, job, partial(self._handed, job.id))
        self._attempts.add(attempt)
        answer = None
        try:
            if self._leaving:
                outcome = Outcome(False, False, job.reason)
            elif job.call:
                outcome = await self._calls.run(job)
            else:
                outcome, answer = await attempt.run()
        except Exception:
            log.exception(BUG, extra={"action": "internal"})
            outcome = Outcome(True, False, "a bug of the gateway, see its log")
        self._attempts.discard(attempt)
        self._handed(job.id)
        await self._end(job, attempt.number, outcome, answer)

    async def _end(self, job: Job, number: int, outcome: Outcome, answer: Answer | None) -> None:
        now = time.time()
        spread = random.random()  # noqa: S311 - no secret
        event, pause = verdict(outcome, number, now - job.created, self._policy, spread)
        due = now + pause
        if event is Event.PUT_BACK:
            number, due = job.attempts - 1, job.due  # it keeps its place in the line
            self._paused[job.line] = now + pause
        ended = event in (Event.ANSWER, Event.GIVE_UP)
        change = Change(event, number, due, outcome.reason, answer if ended else None)
        then = None
        if ended and job.callback:
            then = call_back(job, event, answer, path_of(job.id), now)
        _note(job, change)
        await self._settle(job, change, then)

    async def _settle(self, job: Job, change: Change, then: Job | None) -> None:
        """Until it is written, or the gateway stops: then the job is attempted once more."""
        while True:
            try:
                await self._store.settle(job.id, change, then)
                return
            except StoreFailed as error:
                self._complaint.make(reason=str(error))
                if self._leaving:
                    return
            await asyncio.sleep(LOOK_SECONDS)


def _note(job: Job, change: Change) -> None:
    if change.event in TOLD:
        level, action = TOLD[change.event]
        about = {"request_id": job.request.x_request_id, "attempts": change.attempts}
        told = {**action, "reason": change.reason, "target": job.url, **about}
        log.log(level, action["action"].replace("_", " "), extra=told)
