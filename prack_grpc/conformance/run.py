"""A run: which worker tries which case, and what came of each."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from prack_grpc.conformance.case import USUAL, Broken, Case, Skipped, Terms
from prack_grpc.conformance.trial import Trial
from prack_grpc.conformance.worker import NotStarted

CASE_SECONDS = 60.0
PASSED, FAILED, ADVISED, SKIPPED = "passed", "failed", "advised", "skipped"
Begin = Callable[[Terms], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case.

    Attributes:
        outcome: PASSED, FAILED, SKIPPED, or ADVISED for what the text recommends and was not seen.
        rule: the section that was broken, `seen`: what was seen; or why it was skipped.
        said: the last lines that the worker printed, of a case that failed.
        seconds: how long one took that passed.
    """

    case: Case
    outcome: str
    rule: str = ""
    seen: str = ""
    said: str = ""
    seconds: float = 0.0


class Run:
    """Tries cases, most of them with one worker, and `jobs` others beside it.

    Args:
        begin: makes a trial with a new worker.
        without: the capabilities that the worker does not claim.
    """

    def __init__(
        self, cases: Sequence[Case], begin: Begin, without: Sequence[str], jobs: int
    ) -> None:
        self._cases = cases
        self._begin = begin
        self._without = without
        self._places = asyncio.Semaphore(jobs)
        self._results: dict[str, asyncio.Future[Result]] = {}

    async def run(self, tell: Callable[[Result], None]) -> None:
        """Tell each result, in the order of the cases. Raises NotStarted."""
        loop = asyncio.get_running_loop()
        self._results = {case.name: loop.create_future() for case in self._cases}
        tried = [case for case in self._cases if not self._skips(case)]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._share([case for case in tried if not case.alone]))
                for case in tried:
                    if case.alone:
                        group.create_task(self._alone(case))
                for case in self._cases:
                    tell(await self._results[case.name])
        except* NotStarted as errors:
            raise errors.exceptions[0] from None

    def _skips(self, case: Case) -> bool:
        """Whether it is not tried; then that is its result."""
        if case.needs not in self._without:
            return False
        skipped = Result(case, SKIPPED, seen=f"this worker does not claim {case.needs}")
        self._results[case.name].set_result(skipped)
        return True

    async def _share(self, cases: list[Case]) -> None:
        """One worker for all, until a case has spoilt it."""
        while cases:
            async with self._begin(USUAL) as trial:
                while cases:
                    case = cases.pop(0)
                    result = await _tried(case, trial)
                    self._results[case.name].set_result(result)
                    if result.outcome is FAILED or not await _settled(trial):
                        break

    async def _alone(self, case: Case) -> None:
        async with self._places:
            try:
                async with self._begin(case.terms) as trial:
                    result = await _tried(case, trial)
            except Skipped as skipped:
                result = Result(case, SKIPPED, seen=str(skipped))
            self._results[case.name].set_result(result)


async def _tried(case: Case, trial: Trial) -> Result:
    began = time.monotonic()
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await case.run(trial)
    except Broken as broken:
        outcome = ADVISED if case.advice else FAILED
        return Result(case, outcome, broken.rule, broken.seen, trial.worker.said())
    except Skipped as skipped:
        return Result(case, SKIPPED, seen=str(skipped))
    except TimeoutError:
        seen = f"the case did not end within {CASE_SECONDS:g} s"
        return Result(case, FAILED, case.rules[0], seen, trial.worker.said())
    except NotStarted as error:
        raise NotStarted(f"{error}\n{trial.worker.said()}".rstrip()) from None
    return Result(case, PASSED, seconds=time.monotonic() - began)


async def _settled(trial: Trial) -> bool:
    try:
        await trial.settle()
    except Broken:
        return False
    return True
