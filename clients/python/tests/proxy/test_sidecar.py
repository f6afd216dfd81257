"""A worker beside an application, and what it cannot do without."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fake_gateway import PlainGateway
from scripted_app import Scripted

from prack_worker.proxy.presence import Presence
from prack_worker.proxy.sidecar import Sidecar
from prack_worker.worker import Worker


class Blind(Presence):
    """Looks no more, once somebody wants that."""

    def __init__(self, application: Scripted) -> None:
        super().__init__(application.upstream, "")
        self.blinded = asyncio.Event()

    async def watch(self) -> None:
        await self.blinded.wait()
        raise RuntimeError("went blind")


@pytest.fixture
async def gateway() -> AsyncIterator[PlainGateway]:
    async with PlainGateway.running() as gateway:
        assert isinstance(gateway, PlainGateway)
        yield gateway


@pytest.mark.parametrize("serving", [False, True])
async def test_it_does_not_go_on_without_its_watch(
    application: Scripted, gateway: PlainGateway, serving: bool
) -> None:
    presence = Blind(application)
    worker = Worker(application.app, gateway.transport(), slots=1)
    sidecar = Sidecar(worker, application.app, presence, None, restart=False, grace=1)
    running = asyncio.create_task(sidecar.run())
    if serving:
        presence.away.clear()
        presence.here.set()
        stream = await gateway.welcomed()
        stream.end()  # for a gateway that said no word to a drain would be waited for
    presence.blinded.set()
    with pytest.raises(RuntimeError, match="went blind"):
        async with asyncio.timeout(20):
            await running
