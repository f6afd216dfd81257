"""Fixtures of the worker's tests: gateways that do what a test says."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_gateway import FakeGateway
from fake_rest import FakeRest

for name in [name for name in os.environ if name.startswith("PRACK_")]:
    del os.environ[name]


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """A gRPC gateway on a free port."""
    async with FakeGateway.running() as gateway:
        yield gateway


@pytest.fixture
async def rest() -> AsyncIterator[FakeRest]:
    """A REST gateway on a free port."""
    async with FakeRest.running() as gateway:
        yield gateway
