"""How to wait for what no event tells of."""

import asyncio
from collections.abc import Callable

SECONDS = 10.0


async def until(what: Callable[[], bool]) -> None:
    """Let the loop go on until this is so. Raises TimeoutError."""
    async with asyncio.timeout(SECONDS):
        while not what():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
