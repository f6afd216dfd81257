"""What operators say, in a bucket of JetStream: the last word of each thing, by its revision."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.kv import KeyValue

from prack_grpc.bus.nats.bucket import Unusable, opened
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.connection import Connection, unless_cancelled
from prack_grpc.telemetry.complaint import Complaint
from prack_grpc.words.word import About, Revision, Word, WordsUnavailable

log = logging.getLogger(__name__)

# Who says something nudges the others; so often they look without a nudge, which may get lost.
LOOK_SECONDS = 2.0
ASK_SECONDS = 2.0
SAY_SECONDS = 5.0
BY = "nats"  # whose numbers these revisions are
NOT_SAID = "this reaches no other gateway now: {}; say it again when NATS is back"
NOT_SURE = "NATS did not confirm it ({}); say it again"

Hear = Callable[[Word], None]


class NatsWords:
    """Implements `words.word.Words`. `trouble` is why nothing can be said now; or empty."""

    def __init__(self, bus: Bus, cluster: str) -> None:
        self.trouble = "NATS was not reached yet"
        self._bus = bus
        self._name = f"prack_{cluster}"
        self._bucket: KeyValue | None = None
        self._base = self._seen = 0
        self._complaint = Complaint(
            log, "words_away", "what operators say at one gateway does not reach the others"
        )

    async def say(self, about: About, said: object) -> Revision:
        """See Words."""
        if self._bucket is None:
            raise WordsUnavailable(NOT_SAID.format(self.trouble))
        try:
            async with asyncio.timeout(SAY_SECONDS):
                number = await self._bucket.put(_key(about), json.dumps(said).encode())
        except (nats.errors.Error, TimeoutError) as error:
            raise WordsUnavailable(NOT_SURE.format(_text(error))) from None
        return self._base + number, BY

    async def run(self, known: Callable[[], list[Word]], hear: Hear) -> None:
        """See Words."""
        async for client in self._bus.clients():
            while not client.over.is_set():
                try:
                    await self._follow(client, known, hear)
                except (Unusable, nats.errors.Error, TimeoutError) as error:
                    self._lost(_text(error))
                unless_cancelled()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await client.over.wait()

    async def _follow(
        self, client: Connection, known: Callable[[], list[Word]], hear: Hear
    ) -> None:
        """Until something is wrong, which is raised."""
        nudged = asyncio.Event()

        async def nudge(_: Msg) -> None:
            nudged.set()

        bucket, self._base = await opened(client.jetstream(timeout=ASK_SECONDS), self._name)
        subscription = await client.subscribe(f"$KV.{self._name}.>", cb=nudge)
        self._bucket, self._seen, self.trouble = bucket, 0, ""
        try:
            while True:
                nudged.clear()
                await self._look(client, bucket, known, hear)
                unless_cancelled()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await nudged.wait()
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _look(
        self,
        client: Connection,
        bucket: KeyValue,
        known: Callable[[], list[Word]],
        hear: Hear,
    ) -> None:
        """Hear everything, if there is anything new; tell what is missing."""
        stream = f"KV_{self._name}"
        state = (
            await client.jetstream(timeout=ASK_SECONDS).stream_info(stream, subjects_filter=">")
        ).state
        if state.last_seq == self._seen and self._seen:
            return
        there = {subject.rpartition(".")[2] for subject in state.subjects or ()}
        for key in there:
            if (word := await self._read(bucket, key)) is not None:
                hear(word)
        for word in known():
            if _key(word.about) not in there:
                with suppress(nats.js.errors.KeyWrongLastSequenceError):
                    await bucket.create(_key(word.about), json.dumps(word.said).encode())
        self._seen = state.last_seq

    async def _read(self, bucket: KeyValue, key: str) -> Word | None:
        """None if the key is no more, or none of ours."""
        try:
            entry = await bucket.get(key)
            about = tuple(map(str, json.loads(bytes.fromhex(key))))
            said = json.loads(entry.value or b"null")
        except (nats.js.errors.KeyNotFoundError, ValueError):
            return None
        return Word(about, said, (self._base + (entry.revision or 0), BY))

    def _lost(self, reason: str) -> None:
        self._bucket, self.trouble = None, reason
        self._complaint.make(reason=reason)


def _key(about: About) -> str:
    """A name that JetStream takes, whatever the parts are."""
    return json.dumps(about).encode().hex()


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
