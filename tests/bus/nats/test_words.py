"""What operators say at one gateway reaches all others, by a bucket of JetStream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js.api import AccountLimits

from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.servers import Servers
from prack_grpc.bus.nats.words import NatsWords
from prack_grpc.words.word import About, Word, WordsUnavailable
from tests.acceptance.processes import Launcher
from tests.bus.nats.party import SECONDS, Changes, running, settled
from tests.support.nats_servers import NatsServers

WEB = ("traffic", "web")
ODD = ("version", "a/b.*>", "")
CANARY = {"weights": {"v1": 95, "v2": 5}, "sticky": None}


class Listener:
    """What one gateway has heard: the last word of each thing."""

    def __init__(self, words: NatsWords, *known: Word) -> None:
        self.words = words
        self.table = {word.about: word for word in known}
        self.changes = Changes()

    def hear(self, word: Word) -> None:
        """As Table does."""
        if word.about not in self.table or self.table[word.about].revision < word.revision:
            self.table[word.about] = word
        self.changes.tell()

    def known(self) -> list[Word]:
        """All of it."""
        return list(self.table.values())

    async def until(self, about: About, said: Any) -> None:
        """Wait until this is the last word."""

        def heard() -> bool:
            return about in self.table and self.table[about].said == said

        await self.changes.until(heard)

    async def say(self, about: About, said: Any) -> Word:
        """As an operator who tries again while JetStream chooses its leaders."""
        async with asyncio.timeout(30):
            while True:
                with suppress(WordsUnavailable):
                    word = Word(about, said, await self.words.say(about, said))
                    self.hear(word)
                    return word
                await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(urls: tuple[str, ...], *known: Word) -> AsyncIterator[Listener]:
    """A gateway's part in it."""
    bus = Bus(Servers(urls), "test")
    listener = Listener(NatsWords(bus, "tests"), *known)
    words = listener.words.run(listener.known, listener.hear)
    async with running(bus.run()), running(words):
        yield listener


@pytest.fixture
def stored(launch: Launcher, tmp_path: Path) -> NatsServers:
    """One server with JetStream."""
    return NatsServers(launch, tmp_path, 1, "-js")


async def test_the_last_word_counts_everywhere(stored: NatsServers) -> None:
    async with listening(stored.urls) as a, listening(stored.urls) as b:
        first = await a.say(WEB, CANARY)
        await b.until(WEB, CANARY)
        second = await b.say(WEB, None)
        assert second.revision > first.revision
        await a.until(WEB, None)
        await a.say(ODD, True)
        await b.until(ODD, True)
        async with listening(stored.urls) as late:
            await late.until(WEB, None)
            await late.until(ODD, True)
            assert late.table == a.table == b.table


async def test_what_a_gateway_knew_before_is_told_unless_it_is_there(stored: NatsServers) -> None:
    old = Word(("worker", "w1"), True, (7, "aaaaaaaa"))
    other = Word(WEB, CANARY, (8, "aaaaaaaa"))
    async with listening(stored.urls) as a:
        await a.say(WEB, None)
        async with listening(stored.urls, old, other) as b:
            await a.until(old.about, True)
            await b.until(WEB, None)


async def test_a_bucket_that_was_lost_goes_on_with_later_words(stored: NatsServers) -> None:
    async with listening(stored.urls) as a:
        before = [await a.say(WEB, CANARY) for _ in range(5)][-1]
        client = await nats.connect(*stored.urls)
        await client.jetstream().delete_stream("KV_prack_tests")
        await client.close()
        async with listening(stored.urls) as b:
            after = await b.say(WEB, None)
            assert after.revision > before.revision


async def refusal(listener: Listener, word: str) -> str:
    """What an operator is told once this word is in it."""
    async with asyncio.timeout(SECONDS):
        said = ""
        while word not in said:
            with pytest.raises(WordsUnavailable) as refused:
                await listener.words.say(WEB, None)
            said = str(refused.value)
            await asyncio.sleep(0.02)
    return said


async def test_without_jetstream_it_says_what_to_do(server: NatsServers) -> None:
    async with listening(server.urls) as a:
        said = await refusal(a, "JetStream")
    assert "JetStream is off there: start nats-server with -js" in said


async def test_an_old_jetstream_is_refused(server: NatsServers) -> None:
    old = await nats.connect(*server.urls)

    async def answer(message: Msg) -> None:
        """As a server of before 2.11."""
        limits = {field.name: -1 for field in fields(AccountLimits)}
        used = {"memory": 0, "storage": 0, "streams": 0, "consumers": 0, "limits": limits}
        await message.respond(json.dumps(used | {"api": {"total": 0, "errors": 0}}).encode())

    await old.subscribe("$JS.API.INFO", cb=answer)
    await settled(old)
    async with listening(server.urls) as a:
        said = await refusal(a, "JetStream")
    await old.close()
    assert "too old there: expected API level 1 (nats-server 2.11) or more, got 0" in said
