"""What the guard counts goes the whole way, on both sides."""

import asyncio

import pytest

from bench.guarded import SIDES

SECONDS = 20.0


@pytest.mark.parametrize("side", SIDES)
async def test_every_exchange_is_answered(side: str) -> None:
    async with asyncio.timeout(SECONDS):
        await SIDES[side](3)
