"""Runs the cases of the Autobahn test suite against a server, and prints what became of each.

`kosoku` drives the suite's own case files on a Python of today. It also changes the interpreter
that it is in, so it has one of its own:

    python -m tests.conformance.websocket.autobahn URL MESSAGES CASE...
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, run_fuzzingclient
from kosoku.cases import CASES

AT_A_TIME = 6

# For each case, whether it passed and the server's close code.
Results = dict[str, tuple[bool, int | None]]


async def run(url: str, cases: list[str]) -> Results:
    """Run these cases, and once more those that failed."""
    found = await attempt(url, cases, AT_A_TIME)
    # Many cases give the server a second, which may be too short while the machine is busy.
    again = [case for case, (passed, _) in found.items() if not passed]
    return found | await attempt(url, again, 1)


async def attempt(url: str, cases: list[str], at_a_time: int) -> Results:
    """Run these cases."""
    try:
        results = await run_fuzzingclient(url, cases, concurrency=at_a_time)
    except FailureError as failure:
        results = failure.results
    return {one.case_id: (one.passed, one.remote_close_code) for one in results}


def main(url: str, messages: int, *cases: str) -> None:
    """Print the results as JSON. Cases of a thousand messages have this many at most."""
    for case in CASES.values():
        if hasattr(case, "COUNT"):
            case.COUNT = min(case.COUNT, messages)
    json.dump(asyncio.run(run(url, [*cases])), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # threads of kosoku may abort an interpreter that takes itself apart around them


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
