"""Time that leaps, and what is not lost on the way."""

import asyncio
import logging
import time

import pytest

from fuzz.clock import Found, run
from fuzz.witness import watching


def test_a_day_is_over_at_once() -> None:
    times: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(3600, lambda: times.append(loop.time()))
        await asyncio.sleep(24 * 3600)
        times.append(loop.time())

    began = time.monotonic()
    run(main())
    assert times == pytest.approx([3601, 24 * 3600 + 1], abs=0.01)
    assert time.monotonic() - began < 60


def test_what_a_callback_raises_is_raised() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "x")
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="invalid literal"):
        run(main())


def test_an_error_in_the_log_is_found() -> None:
    with pytest.raises(Found, match="a bug"), watching():
        logging.getLogger("prack_grpc").error("a bug")
    with watching():
        logging.getLogger("prack_grpc").warning("no bug")
