"""What is peculiar to jobs in JetStream; what all stores do is in tests/deferred/test_store.py."""

import asyncio
from pathlib import Path

import pytest

from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.servers import Servers
from prack_grpc.deferred.jetstream.store import JetStreamStore
from prack_grpc.deferred.store import StoreFailed
from tests.bus.nats.party import running
from tests.deferred.building import MIB, a_job
from tests.support.nats_servers import NatsServers

FOREIGN = "f" * 32


@pytest.mark.parametrize("content", [b"nothing", b"[]", b"{}", b'{"answer": null, "head": 1}'])
async def test_a_job_that_is_not_understood_is_left_to_others(
    stored: NatsServers, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bus = Bus(Servers(stored.urls), "test")
    store = JetStreamStore(bus, tmp_path.name, "0123abcd", MIB)
    async with running(bus.run()), asyncio.timeout(30):
        while not await store.lead():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
        streams = (await anext(bus.clients())).jetstream()
        bucket = await streams.key_value(f"prack-async_{tmp_path.name}")
        await bucket.put(f"job.{FOREIGN}", content)
        job = a_job()
        await store.add(job)
        while "job.ffff" not in "".join(str(vars(one)) for one in caplog.records):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert [one.id for one in await store.take(job.due, 9, frozenset())] == [job.id]
        with pytest.raises(StoreFailed, match="no job of this version"):
            await store.find(FOREIGN)
        await store.close()
