"""Runs of the conformance kit against workers of the tests."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from prack_grpc.conformance.case import Case, Terms
from prack_grpc.conformance.certificates import Certificates
from prack_grpc.conformance.run import ADVISED, FAILED, Result, Run

AT_A_TIME = 6
Trying = Callable[..., AbstractAsyncContextManager[Any]]


async def results(
    trying: Trying,
    transport: str,
    cases: Sequence[Case],
    command: Sequence[str],
    certificates: Certificates,
    patience: float,
) -> list[Result]:
    """What comes of these cases with this worker."""
    told: list[Result] = []

    def begin(terms: Terms) -> AbstractAsyncContextManager[Any]:
        return trying(transport, command, terms, certificates, patience)

    await Run(cases, begin, (), jobs=4).run(told.append)
    return told


async def all_broken(
    trying: Trying,
    transport: str,
    cases: Sequence[Case],
    module: str,
    pairs: Iterable[tuple[str, str]],
    folder: Path,
) -> dict[tuple[str, str], Result]:
    """The result of each case with the worker of `module` that was broken in a way."""
    certificates, places = Certificates(folder), asyncio.Semaphore(AT_A_TIME)
    known = {case.name: case for case in cases}

    async def one(name: str, way: str) -> Result:
        async with places:
            command = (sys.executable, "-m", module, way, "{gateway}")
            found = await results(trying, transport, [known[name]], command, certificates, 1.5)
            return found[0]

    pairs = list(pairs)
    found = await asyncio.gather(*(one(name, way) for name, way in pairs))
    return dict(zip(pairs, found, strict=True))


def failed(result: Result) -> bool:
    """The worker broke the rule of this case, and no other."""
    expected = ADVISED if result.case.advice else FAILED
    return result.outcome == expected and result.rule in result.case.rules
