"""Two whole gateways in the loop of the test: clients come to the one, workers to the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.bus.folder import Folder
from tests.conftest import Gateway, Start
from tests.peers.waiting import until
from tests.stream.conftest import connect as connect

Several = Callable[..., Awaitable[list[Gateway]]]


@dataclass(kw_only=True)
class Pair(Gateway):
    """Looks like one gateway: its public port is the owner's, its private ports are the host's."""

    host: Gateway

    @property
    def api_port(self) -> int:
        return self.host.api_port

    @property
    def grpc_port(self) -> int:
        return self.host.grpc_port


def broker(gateway: Gateway) -> LinkedBroker:
    """The broker of a gateway that has links."""
    found = gateway.running.broker
    assert isinstance(found, LinkedBroker)
    return found


@pytest.fixture
def several(start: Start, tmp_path: Path) -> Several:
    """Starts so many gateways that are linked to each other."""

    async def several(count: int, **settings: Any) -> list[Gateway]:
        folder = tmp_path / "meet"
        found = [
            await start(meetings=lambda name: [Folder(folder, name)], **settings)
            for _ in range(count)
        ]
        await until(lambda: all(len(broker(one).links()) == count - 1 for one in found))
        return found

    return several


@pytest.fixture
async def gateway(several: Several) -> Pair:
    """What tests of a single gateway use, with a link in its middle."""
    owner, host = await several(2)
    return Pair(owner.running, owner.port, owner.clients, host=host)
