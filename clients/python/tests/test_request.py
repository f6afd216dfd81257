"""A request's body, between the transport that feeds it and the application that reads it."""

import asyncio

import pytest

from prack_worker.errors import ClientDisconnected
from prack_worker.request import RequestBody


async def test_a_complete_body_is_read_once() -> None:
    body = RequestBody(b"abc", end=True)
    assert body.complete() == b"abc"
    assert await body.read() == (b"abc", True)
    assert await body.read() == (b"", True)


async def test_a_reader_waits_for_what_comes() -> None:
    body = RequestBody(end=False)
    assert body.complete() is None
    reader = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.feed(b"a")
    assert await reader == (b"a", False)
    reader = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.finish()
    assert await reader == (b"", True)


async def test_what_was_read_is_counted() -> None:
    counts: list[int] = []
    body = RequestBody(b"abc", end=False, consumed=counts.append)
    body.feed(b"de")
    body.feed(b"f")
    assert await body.read() == (b"abc", False)
    assert await body.read() == (b"de", False)
    body.finish()
    assert await body.read() == (b"f", True)
    assert counts == [3, 2], "where the end is known, nobody needs another grant"


async def test_a_closed_body_cannot_be_read() -> None:
    body = RequestBody(end=False)
    reader = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.close()
    with pytest.raises(ClientDisconnected):
        await reader
    with pytest.raises(ClientDisconnected):
        await body.read()
