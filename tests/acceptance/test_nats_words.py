"""What operators say is kept by three NATS servers, where there are three."""

import asyncio
from contextlib import suppress
from pathlib import Path

import nats
import pytest
from nats.js import api

from tests.acceptance.processes import Launcher
from tests.bus.nats.test_words import CANARY, ODD, WEB, listening
from tests.support.nats_servers import NatsServers


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> NatsServers:
    """A cluster of three with JetStream."""
    return NatsServers(launch, tmp_path, 3, "-js")


async def replicas(url: str) -> int | None:
    """Of the bucket."""
    client = await nats.connect(url)
    try:
        return (await client.jetstream().stream_info("KV_prack_tests")).config.num_replicas
    finally:
        await client.close()


async def test_three_servers_keep_three_replicas_and_one_may_die(servers: NatsServers) -> None:
    async with listening(servers.urls) as a, listening(servers.urls) as b:
        await a.say(WEB, CANARY)
        assert await replicas(servers.urls[0]) == 3
        await b.until(WEB, CANARY)
        servers.kill(1)
        await b.say(ODD, True)
        await a.until(ODD, True)


async def test_a_bucket_with_fewer_replicas_gets_three(servers: NatsServers) -> None:
    client = await nats.connect(*servers.urls[:1])
    async with asyncio.timeout(30):
        while True:
            with suppress(nats.errors.Error):
                config = api.KeyValueConfig(bucket="prack_tests", replicas=1)
                await client.jetstream(timeout=1).create_key_value(config)
                break
    await client.close()
    async with listening(servers.urls) as a:
        await a.say(WEB, CANARY)
        assert await replicas(servers.urls[0]) == 3
