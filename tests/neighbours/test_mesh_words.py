"""Words over a link that fails now and then."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.neighbours import mesh_words
from prack_grpc.neighbours.call import Streams
from prack_grpc.neighbours.neighbours import Alone, Cluster, Port
from prack_grpc.private.operators.steering import meshed
from tests.rest.conftest import Api, Start, listening, until
from tests.rest.conftest import start as start

THERE = "b" * 8


@dataclass
class Shaky(Alone):
    """One neighbour, which listens here; so many of the first calls are not carried."""

    port: int = 0
    fails: int = 2
    dialled: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        return [THERE]

    async def dial(self, gateway: str, port: Port) -> Streams:
        self.dialled.append(gateway)
        if len(self.dialled) <= self.fails:
            raise ConnectionResetError("the link has ended")
        return await asyncio.open_connection("127.0.0.1", self.port)


@dataclass
class Ends:
    """A broker here, and a gateway there."""

    here: MemoryBroker
    there: Api
    link: Shaky


@pytest.fixture
async def ends(start: Start, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ends]:
    monkeypatch.setattr(mesh_words, "SECONDS", 0.2)
    there = await start()
    async with listening(there.app, relayed=True) as port:
        ends = Ends(MemoryBroker(Limits()), there, Shaky(port))
        steering = meshed(ends.here, Cluster("a" * 8, ends.link), 100)
        await steering.pause("of-here", True, None)
        drained = await there.http.post("/api/v1/drain", json={"worker": "of-there"})
        assert drained.status_code == 200
        running = asyncio.create_task(steering.run())
        yield ends
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_they_are_sent_until_they_have_arrived(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        both = {"of-here", "of-there"}
        await until(lambda: set(ends.there.broker.status().paused) == both)
        await until(lambda: set(ends.here.status().paused) == both)
    assert len(ends.link.dialled) > ends.link.fails
    (line,) = [record for record in caplog.records if record.name == mesh_words.__name__]
    assert (vars(line)["action"], vars(line)["peer"]) == ("words_not_told", THERE)
