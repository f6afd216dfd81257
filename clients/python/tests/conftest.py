"""Fixtures of the worker's tests: gateways that do what a test says."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_gateway import FakeGateway, GrpcGateway, PlainGateway
from fake_rest import FakeRest

for name in [name for name in os.environ if name.startswith("PRACK_")]:
    del os.environ[name]


@pytest.fixture(params=[GrpcGateway, PlainGateway], ids=["grpc", "plain"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[FakeGateway]:
    """A gateway on a free port, over each of the carriers."""
    async with request.param.running() as gateway:
        yield gateway


@pytest.fixture
async def rest() -> AsyncIterator[FakeRest]:
    """A REST gateway on a free port."""
    async with FakeRest.running() as gateway:
        yield gateway
