"""Tells failures of an application from cancellations, and logs them."""

from __future__ import annotations

import asyncio
import logging

from prack_worker.errors import ResponseRefused
from prack_worker.exchange import Exchange

log = logging.getLogger("prack_worker")


def is_interruption(error: BaseException) -> bool:
    """Whether somebody cancelled this task; a CancelledError may also be the application's own."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def log_failure(exchange: Exchange, error: BaseException) -> None:
    """A traceback for the application's own errors, a line for what the transport refused.

    Frameworks have errors of their own for a client that left, which nobody needs to see.
    """
    name = exchange.request.request_id
    level = logging.ERROR if exchange.cancelled is None else logging.DEBUG
    if isinstance(error, ResponseRefused):
        log.log(level, "Request %s: %s", name, error)
    else:
        log.log(level, "The application failed on request %s", name, exc_info=error)


def run_through(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """Run the loop until the task is done, whatever else on the loop calls `sys.exit()`.

    A SystemExit or KeyboardInterrupt of any task or callback stops the loop that runs it. The
    requests of others must not end with it.
    """
    while True:
        try:
            return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done():
                raise
            log.error("The application raised outside of any request; going on", exc_info=error)
