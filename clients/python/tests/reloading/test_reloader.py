"""The worker that reloads, as a process before a gateway that does what the test says."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from commands import command
from fake_gateway import PlainGateway, Stream

from prack.v1 import worker_pb2 as pb

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d"})
"""


@pytest.fixture
async def gateway() -> AsyncIterator[PlainGateway]:
    """What the worker dials."""
    async with PlainGateway.running() as gateway:
        assert isinstance(gateway, PlainGateway)
        yield gateway


def save(folder: Path, text: str) -> None:
    """As an editor does: nobody sees a half of it."""
    (folder / "main.new").write_text(text)
    (folder / "main.new").replace(folder / "main.py")


def reloading(
    folder: Path, gateway: PlainGateway, *flags: str
) -> AbstractAsyncContextManager[Process]:
    """The worker of `main:app` in this folder, gone at the end."""
    return command(folder, "main:app", "--reload", "--gateway", gateway.url, *flags)


async def answer(stream: Stream) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    await stream.request()
    frame = await stream.frame()
    assert frame is not None
    return frame.heads[0].status, frame.heads[0].body


async def test_each_change_is_a_new_worker(tmp_path: Path, gateway: PlainGateway) -> None:
    save(tmp_path, "1 / 0\n")
    flags = "--route", "shop.example.com/", "--service", "s"
    async with reloading(tmp_path, gateway, *flags) as process:
        page = await gateway.welcomed()
        status, body = await answer(page)
        assert status == 500
        assert b"ZeroDivisionError" in body
        save(tmp_path, APP % 1)
        first = await gateway.welcomed()
        assert await answer(first) == (200, b"1")
        save(tmp_path, APP % 2)
        second = await gateway.welcomed()
        assert await answer(second) == (200, b"2")
        process.terminate()
        _, said = await process.communicate()
    for stream in (page, first, second):
        assert stream.hello.service == "s"
        assert [route.host for route in stream.hello.routes] == ["shop.example.com"]
    assert process.returncode == 0
    assert said.decode().count("ZeroDivisionError") == 1
    assert said.decode().count("Changed: main.py; starting again") == 2


async def test_a_gateway_that_refuses_it_ends_it(tmp_path: Path, gateway: PlainGateway) -> None:
    async with reloading(tmp_path, gateway) as process:
        stream = await gateway.stream()
        await stream.send(error=pb.StreamError(code="bad_hello", message="no such route"))
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().splitlines()[-1] == "prack-worker: bad_hello: no such route"
