"""What is left of something that has ended, with the garbage collector switched off."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from tests.support.client import SECONDS


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """What was there before the tests of a module is looked at once: there is much of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def no_collector(frozen: None) -> Iterator[None]:
    """What is left for the collector stays, and what was there before is not looked at."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


def alive(parts: tuple[type, ...]) -> int:
    """How many of these there are."""
    return sum(type(one) in parts for one in gc.get_objects())


async def gone(parts: tuple[type, ...], before: int) -> None:
    """Wait until there are no more of them than before. Raises AssertionError."""
    try:
        async with asyncio.timeout(SECONDS):
            while alive(parts) > before:  # noqa: ASYNC110 - nothing tells of an object's end
                await asyncio.sleep(0.01)
    except TimeoutError:
        left = [type(one).__name__ for one in gc.get_objects() if type(one) in parts]
        raise AssertionError(f"more than {before} are left: {left}") from None
