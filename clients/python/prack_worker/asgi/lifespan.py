"""The start and the end of an ASGI application (ASGI lifespan protocol 2.0)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from prack_worker.errors import LifespanFailed
from prack_worker.failures import is_interruption

log = logging.getLogger("prack_worker")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


@asynccontextmanager
async def lifespan(app: AsgiApp, state: dict[str, Any]) -> AsyncIterator[None]:
    """Start the application, which may fill `state`; shut it down at the end.

    An application that does not know the protocol (it raises or returns) runs without it. One that
    calls `sys.exit()` or the like knows that it cannot start.

    Raises:
        LifespanFailed: the application answered `lifespan.startup.failed`, or gave up.
    """
    life = _Life(app, state)
    task = asyncio.create_task(life.run(), name="prack lifespan")
    try:
        answer = await life.ask("startup")
        if answer["type"] == "lifespan.startup.failed":
            log.debug("%s", answer.get("message"))
            raise LifespanFailed(_last_line(answer), str(answer.get("message", "")))
        yield
        if answer["type"] == "lifespan.startup.complete":
            answer = await life.ask("shutdown")
        if answer["type"] == "lifespan.shutdown.failed":
            log.error("The application failed in its lifespan shutdown: %s", _last_line(answer))
    finally:
        task.cancel()
        await asyncio.wait([task])


class _Life:
    """One call of the application with a lifespan scope."""

    def __init__(self, app: AsgiApp, state: dict[str, Any]) -> None:
        self._app = app
        self._scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
        }
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._started = False  # the application has answered

    async def run(self) -> None:
        try:
            await self._app(self._scope, self._events.get, self._answer)
        except Exception as error:
            log.debug("The application's lifespan raised %r", error, exc_info=error)
        except BaseException as error:
            if is_interruption(error):
                raise
            self._gave_up(error)
        finally:
            self._answers.put_nowait({"type": "lifespan.ended"})

    def _gave_up(self, error: BaseException) -> None:
        log.error("The application's lifespan raised %r", error, exc_info=error)
        if not self._started:
            self._answers.put_nowait({"type": "lifespan.startup.failed", "message": repr(error)})

    async def ask(self, step: str) -> Message:
        """Hand over one event and wait for its answer, or for the end of the call."""
        self._events.put_nowait({"type": f"lifespan.{step}"})
        return await self._answers.get()

    async def _answer(self, message: Message) -> None:
        if not message["type"].startswith("lifespan."):
            raise RuntimeError(f"{message['type']} is not allowed in a lifespan")
        self._started = True
        self._answers.put_nowait(message)


def _last_line(answer: Message) -> str:
    """The last line: frameworks send a whole traceback as the message."""
    lines = str(answer.get("message") or "").strip().splitlines()
    return lines[-1] if lines else "no reason given"
