"""An authority and a certificate, made once for each module."""

import asyncio

import pytest

from tests.conftest import Gateway
from tests.support.certificates import Authority, Issued
from tests.support.client import RawClient


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs what the ports show."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Issued:
    """What they show."""
    return authority.issue("DNS:localhost", "IP:127.0.0.1")


async def secure(gateway: Gateway, authority: Authority) -> RawClient:
    """A client of the public port that speaks TLS."""
    streams = await asyncio.open_connection(
        "127.0.0.1", gateway.port, ssl=authority.client(), server_hostname="localhost"
    )
    client = RawClient(*streams)
    gateway.clients.append(client)
    return client
