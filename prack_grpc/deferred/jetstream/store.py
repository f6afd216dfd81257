"""Jobs in a bucket of JetStream, which all gateways of a cluster share."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from prack_grpc.bus.nats.bucket import Unusable, opened
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.connection import Connection, unless_cancelled
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.states import Event, State, transition
from prack_grpc.deferred.jetstream.index import Index
from prack_grpc.deferred.jetstream.record import BadRecord, Record, read, written
from prack_grpc.deferred.job import Job
from prack_grpc.deferred.store import Change, KeyReused, StoreFailed, StoreFull
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-f]{32}")
ASK_SECONDS = 2.0
# A gateway says so often that it lives; one that has not for so long is dead, and what it tried
# is tried by others.
BEAT_SECONDS, DEAD_SECONDS = 1.0, 5.0
AWAY = "NATS is away: {}"
# What an answer of NATS may be in place of what was asked for.
FAILURES = (nats.errors.Error, TimeoutError, BadRecord)


class JetStreamStore:
    """Implements `deferred.store.Store`. With `most` bytes of bodies it is full.

    Each gateway takes what is due, by writing its name over the revision that it has seen: of
    several only one can. Each knows all jobs from a watch, and reads the rest when it needs it.
    """

    def __init__(self, bus: Bus, cluster: str, gateway: str, most: int) -> None:
        self._bus = bus
        self._cluster = cluster
        self._name = f"prack-async_{cluster}"
        self._gateway = gateway
        self._most = most
        self._index = Index()
        self._coming = 0  # bytes that are being written
        self._unsure: set[str] = set()  # perhaps taken: NATS has not said so
        self._streams: JetStreamContext | None = None
        self._bucket: KeyValue | None = None
        self._trouble = "not reached yet"
        self._following: asyncio.Task[None] | None = None
        self._complaint = Complaint(log, "store_failed", "JetStream does not keep requests")

    # ------------------------------------------------------------ clients

    async def add(self, job: Job) -> str:
        with self._asking() as bucket:
            job = replace(job, id=await self._id_of(bucket, job))
            if self._index.used + self._coming + len(job.body) > self._most:
                raise StoreFull
            self._coming += len(job.body)
            try:
                await self._keep(bucket, job)
            finally:
                self._coming -= len(job.body)
            return job.id

    async def _keep(self, bucket: KeyValue, job: Job) -> None:
        await bucket.put(f"body.{job.id}", job.body)
        with suppress(nats.js.errors.KeyWrongLastSequenceError):  # it is there already
            record = Record(job, len(job.body))
            revision = await bucket.create(f"job.{job.id}", written(record))
            self._index.put(replace(record, revision=revision))

    async def _id_of(self, bucket: KeyValue, job: Job) -> str:
        """That of the first with this key. It may not have come to write more than that."""
        if not job.key:
            return job.id
        name, about = f"key.{job.key.hex()}", {"id": job.id, "digest": job.digest.hex()}
        try:
            await bucket.create(name, json.dumps(about).encode())
        except nats.js.errors.KeyWrongLastSequenceError:
            known = json.loads((await bucket.get(name)).value or b"")
            if known["digest"] != about["digest"]:
                raise KeyReused from None
            return str(known["id"])
        return job.id

    async def find(self, id_: str) -> Job | None:
        with self._asking() as bucket:
            record = await self._record(bucket, id_)
            if record is None:
                return None
            if record.job.answer is None:
                return record.job
            body = await self._value(bucket, f"answer.{id_}")
            return replace(record.job, answer=replace(record.job.answer, body=body))

    async def body(self, id_: str) -> bytes:
        with self._asking() as bucket:
            return await self._value(bucket, f"body.{id_}") if ID.fullmatch(id_) else b""

    # ------------------------------------------------------------ attempts

    async def lead(self) -> bool:
        """All gateways do, as soon as they know what there is."""
        if self._following is None:
            self._following = asyncio.create_task(self._follow(), name="store")
        return self._bucket is not None

    def resign(self) -> None:
        """Nothing is open: others need not wait for it."""

    async def take(self, now: float, most: int, full: frozenset[str]) -> list[Job]:
        with self._asking() as bucket:
            ids = self._index.due(now, most, full)
            try:
                taken = await asyncio.gather(*(self._take(bucket, id_) for id_ in ids))
            except FAILURES:
                self._unsure.update(ids)
                raise
            self._unsure.difference_update(ids)
            return [job for job in taken if job is not None]

    async def _take(self, bucket: KeyValue, id_: str) -> Job | None:
        before, _ = transition(Event.TAKE)
        record = await self._record(bucket, id_)
        if record is None:
            self._index.drop(id_)
            return None
        self._index.put(record)  # somebody else may have been here
        if record.job.state is not before:
            return None
        record = record.taken(self._gateway)
        if not await self._write(bucket, record):
            return None
        return replace(record.job, body=await self._value(bucket, f"body.{id_}"))

    async def settle(self, id_: str, change: Change, then: Job | None = None) -> None:
        """What follows is written first: if nothing more is, it is written again."""
        before, after = transition(change.event)
        with self._asking() as bucket:
            record = await self._record(bucket, id_)
            if record is None or record.job.state is not before or record.taker != self._gateway:
                return
            if then is not None:
                await self._keep(bucket, then)
            if change.answer is not None:
                await bucket.put(f"answer.{id_}", change.answer.body)
            if await self._write(bucket, record.settled(change)) and after is State.ANSWERED:
                await self._purge(f"body.{id_}")

    # ------------------------------------------------------------ operators

    async def dead(self, most: int) -> list[Job]:
        found = await asyncio.gather(*map(self.find, self._index.dead(most)))
        return [job for job in found if job is not None]

    async def again(self, id_: str, now: float) -> bool:
        with self._asking() as bucket:
            record = await self._record(bucket, id_)
            if record is None or record.job.state is not State.DEAD:
                return False
            return await self._write(bucket, record.again(now))

    async def drop(self, id_: str) -> bool:
        with self._asking() as bucket:
            record = await self._record(bucket, id_)
            if record is None or record.job.state is not State.DEAD:
                return False
            await self._remove(bucket, record)
            return True

    async def count(self) -> Counts:
        return self._index.counts()

    async def forget(self, before: float) -> None:
        with self._asking() as bucket:
            for id_ in self._index.answered(before):
                if record := await self._record(bucket, id_):
                    await self._remove(bucket, record)

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    # ------------------------------------------------------------ the bucket

    @contextmanager
    def _asking(self) -> Iterator[KeyValue]:
        """Within, what is wrong with NATS is StoreFailed."""
        if self._bucket is None:
            raise StoreFailed(AWAY.format(self._trouble))
        try:
            yield self._bucket
        except FAILURES as error:
            raise StoreFailed(str(error) or type(error).__name__) from None

    async def _record(self, bucket: KeyValue, id_: str) -> Record | None:
        if not ID.fullmatch(id_):
            return None
        try:
            entry = await bucket.get(f"job.{id_}")
        except nats.js.errors.KeyNotFoundError:
            return None
        return read(id_, entry.value or b"", entry.revision or 0)

    async def _value(self, bucket: KeyValue, name: str) -> bytes:
        try:
            return (await bucket.get(name)).value or b""
        except nats.js.errors.KeyNotFoundError:
            return b""

    async def _write(self, bucket: KeyValue, record: Record) -> bool:
        """False if somebody else has written it since it was read."""
        name, text = f"job.{record.job.id}", written(record)
        try:
            revision = await bucket.update(name, text, last=record.revision)
        except nats.js.errors.KeyWrongLastSequenceError:
            return False
        self._index.put(replace(record, revision=revision))
        return True

    async def _remove(self, bucket: KeyValue, record: Record) -> None:
        """All of it. Watches are told, by a mark, of the record only."""
        job = record.job
        names = [f"body.{job.id}", f"answer.{job.id}"]
        names += [f"key.{job.key.hex()}"] if job.key else []
        for name in names:
            await self._purge(name)
        await bucket.delete(f"job.{job.id}", last=record.revision)
        self._index.drop(job.id)

    async def _purge(self, name: str) -> None:
        if self._streams is not None:
            subject = f"$KV.{self._name}.{name}"
            await self._streams.purge_stream(f"KV_{self._name}", subject=subject)

    # ------------------------------------------------------------ what others do

    async def _follow(self) -> None:
        """Until cancelled: know all jobs, live, and take over from the dead."""
        async for client in self._bus.clients():
            while not client.over.is_set():
                try:
                    await self._follow_one(client)
                except (Unusable, nats.errors.Error, TimeoutError) as error:
                    self._bucket, self._trouble = None, str(error) or type(error).__name__
                    self._complaint.make(reason=self._trouble)
                unless_cancelled()
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_SECONDS):
                        await client.over.wait()

    async def _follow_one(self, client: Connection) -> None:
        streams = client.jetstream(timeout=ASK_SECONDS)
        bucket, _ = await opened(streams, self._name)
        beats, _ = await opened(streams, f"prack-beats_{self._cluster}", DEAD_SECONDS)
        self._streams, self._bucket, self._index = streams, None, Index()
        async with _watching(bucket) as watcher:
            beat_at = 0.0
            while not client.over.is_set():
                with suppress(nats.errors.TimeoutError):
                    self._see(bucket, await watcher.updates(BEAT_SECONDS))
                unless_cancelled()
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + BEAT_SECONDS
                    await beats.put(self._gateway, b"")
                    await self._recover(bucket, beats)

    def _see(self, bucket: KeyValue, entry: KeyValue.Entry | None) -> None:
        if entry is None:  # all that was there before
            self._bucket, self._trouble = bucket, ""
            return
        id_ = entry.key.removeprefix("job.")
        if entry.operation:
            self._index.drop(id_)
            return
        try:
            self._index.put(read(id_, entry.value or b"", entry.revision or 0))
        except BadRecord as error:  # of a newer version, which tries it itself
            self._index.drop(id_)
            self._complaint.make(reason=str(error))

    async def _recover(self, bucket: KeyValue, beats: KeyValue) -> None:
        """What a dead gateway tried waits again, and what this one has taken without knowing."""
        before, _ = transition(Event.RECOVER)
        for taker, ids in self._index.takers().items():
            if taker == self._gateway:
                ids = [id_ for id_ in ids if id_ in self._unsure]
            elif await _lives(beats, taker):
                continue
            for id_ in ids:
                record = await self._record(bucket, id_)
                if record is not None and record.taker == taker and record.job.state is before:
                    await self._write(bucket, record.recovered())


async def _lives(beats: KeyValue, gateway: str) -> bool:
    try:
        await beats.get(gateway)
    except nats.js.errors.KeyNotFoundError:
        return False
    return True


@asynccontextmanager
async def _watching(bucket: KeyValue) -> AsyncIterator[Any]:
    watcher: Any = await bucket.watch("job.*")
    try:
        yield watcher
    finally:
        with suppress(nats.errors.Error):
            await watcher.stop()
