"""Calls from one thread into the event loop of another."""

import asyncio
from typing import Any

from prack_worker.loops.mailbox import Mailbox


async def test_a_call_that_fails_holds_up_no_other() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    error = RuntimeError("a connection that is closed")

    def fail() -> None:
        raise error

    mailbox = Mailbox(loop)
    for call in (fail, fail, done.set):
        mailbox.post(call)
    await done.wait()
    assert [context["exception"] for context in told] == [error, error]
