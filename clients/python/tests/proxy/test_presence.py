"""Whether an application is there: looked at while it is not, never while it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted_app import Scripted, scripted

from prack_worker.proxy.address import Address
from prack_worker.proxy.presence import Presence
from prack_worker.proxy.upstream import Upstream


@asynccontextmanager
async def watching(presence: Presence) -> AsyncIterator[None]:
    task = asyncio.create_task(presence.watch())
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_it_is_there_when_it_listens(application: Scripted) -> None:
    presence = Presence(application.upstream, "")
    async with watching(presence):
        await presence.here.wait()
        assert await (await application.taken()).gone() == b""  # it has been asked for nothing


@pytest.mark.parametrize("ready", [200, 204, 302])
async def test_it_is_ready_when_it_says_so(application: Scripted, ready: int) -> None:
    presence = Presence(application.upstream, "/healthz?all=1")
    async with watching(presence):
        for status in (503, 404, 500):
            talk = await application.taken()
            host = application.upstream.address.authority()
            assert await talk.head() == (
                b"GET /healthz?all=1 HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % host
            )
            talk.say(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
        assert not presence.here.is_set()
        talk = await application.taken()
        talk.say(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % ready)
        await presence.here.wait()


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n"])
async def test_what_speaks_no_http_is_not_ready(application: Scripted, said: bytes) -> None:
    presence = Presence(application.upstream, "/")
    async with watching(presence):
        for _ in range(2):  # so the first was no answer
            talk = await application.taken()
            talk.say(said)
            talk.close()
        assert not presence.here.is_set()


async def test_it_is_looked_for_again_once_it_was_lost() -> None:
    async with scripted() as application:
        presence = Presence(application.upstream, "")
        async with watching(presence):
            await presence.here.wait()
            assert not presence.away.is_set()
            presence.lose()
            assert not presence.here.is_set()
            await presence.here.wait()
            assert await (await application.taken()).gone() == b""
            assert await (await application.taken()).gone() == b""


async def test_it_is_waited_for_until_it_listens(tmp_path: Path) -> None:
    presence = Presence(Upstream(Address(path=str(tmp_path / "app.sock"))), "")
    async with watching(presence):
        await presence.away.wait()
        async with scripted(tmp_path / "app.sock") as application:
            await presence.here.wait()
            assert await (await application.taken()).gone() == b""
