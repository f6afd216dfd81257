"""When a process is to be replaced."""

import asyncio
from dataclasses import replace

from prack_worker.processes.recycling import Recycling
from prack_worker.settings.settings import read_settings

SETTINGS = read_settings({}, {})


def answered(requests: int, most: int, jitter: int = 0) -> list[str]:
    """What a process asks for that has answered so many."""
    said: list[str] = []
    settings = replace(SETTINGS, max_requests=most, max_requests_jitter=jitter)
    recycling = Recycling(settings, said.append)
    for _ in range(requests):
        recycling.count()
    return said


def test_after_so_many_requests_and_again_after_as_many() -> None:
    assert [len(answered(requests, 10)) for requests in (9, 10, 19, 20)] == [0, 1, 1, 2]
    assert answered(10, 10) == ["has answered its 10 requests or more"]


def test_the_jitter_comes_on_top() -> None:
    assert not answered(9, 10, jitter=5)
    assert len(answered(15, 10, jitter=5)) == 1
    firsts = {next(n for n in range(10, 16) if answered(n, 10, jitter=5)) for _ in range(99)}
    assert len(firsts) > 1


def test_without_a_limit_never() -> None:
    assert not answered(1000, 0)


async def test_after_a_life() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    Recycling(replace(SETTINGS, max_lifetime=0.01), said.put_nowait).start()
    async with asyncio.timeout(20):
        assert [await said.get() for _ in range(2)] == ["has run for 0.01 s"] * 2
