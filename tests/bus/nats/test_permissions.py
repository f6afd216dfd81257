"""The configuration of NATS in deploy/ lets gateways do all that they do; docs/ show its users."""

import asyncio
import re
from pathlib import Path

import pytest

from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.meeting import NatsMeeting
from prack_grpc.bus.nats.servers import Servers
from prack_grpc.bus.nats.words import NatsWords
from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.jetstream.store import JetStreamStore
from tests.acceptance.processes import ROOT, Launcher
from tests.bus.nats.party import Party, running
from tests.bus.nats.test_words import WEB, Listener
from tests.deferred.building import MIB, a_change, a_job
from tests.docs.pages import fenced, page
from tests.support.nats_servers import NatsServers

CONFIG = (ROOT / "deploy/cluster/nats.conf").read_text()
CLUSTER = "shop"
A, B = "aaaaaaaa", "bbbbbbbb"


def test_the_page_shows_the_permissions_of_the_example() -> None:
    [shown] = fenced(page("docs/scaling.md"), "conf")
    assert shown in CONFIG


@pytest.fixture
def servers(launch: Launcher, tmp_path: Path) -> Servers:
    """One with the configuration of the example; it is alone, and has a folder of its own."""
    others = re.compile(r"^cluster \{.*?^\}$|store_dir: /data", re.DOTALL | re.MULTILINE)
    alone, found = others.subn("", CONFIG)
    assert found == 2
    config, password = tmp_path / "nats.conf", tmp_path / "password"
    config.write_text(alone)
    password.write_text("a-password")
    env = {"SERVER_NAME": "nats-0", "PRACK_PASSWORD": "a-password"}
    urls = NatsServers(launch, tmp_path, 1, "-c", str(config), env=env).urls
    return Servers(urls, user="prack", password_file=password)


async def test_they_are_enough(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    a, b = (Party(name, Bus(servers, name)) for name in (A, B))
    speaker, listener = (Listener(NatsWords(party.bus, CLUSTER)) for party in (a, b))
    async with (
        running(a.bus.run()),
        running(b.bus.run()),
        running(NatsMeeting(a.bus, A, CLUSTER).run(a.linked, a.wants)),
        running(NatsMeeting(b.bus, B, CLUSTER).run(b.linked, b.wants)),
        running(speaker.words.run(speaker.known, speaker.hear)),
        running(listener.words.run(listener.known, listener.hear)),
    ):
        (await a.link(B)).link.send(b"hello")
        await (await b.link(A)).so_many(1)
        await speaker.say(WEB, None)
        await listener.until(WEB, None)
    assert "permission" not in caplog.text


async def test_they_are_enough_to_keep_requests(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    bus = Bus(servers, A)
    store = JetStreamStore(bus, CLUSTER, A, 4 * MIB)
    async with running(bus.run()), asyncio.timeout(30):
        while not await store.lead():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
        job = a_job()
        await store.add(job)
        assert [one.id for one in await store.take(job.due, 1, frozenset())] == [job.id]
        await store.settle(job.id, a_change(Event.ANSWER, due=job.due))
        await store.forget(job.due + 1)
        assert await store.find(job.id) is None
        # So many that the server asks whether the watch of all of them keeps up ($JS.FC).
        for _ in range(20):
            await asyncio.gather(*(store.add(a_job(reason="x" * 2000)) for _ in range(50)))
        other = JetStreamStore(bus, CLUSTER, B, 4 * MIB)
        while not await other.lead():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await other.count()).waiting == 1000
        await other.close()
        await store.close()
    assert "permission" not in caplog.text
